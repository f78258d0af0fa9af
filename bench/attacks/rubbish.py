"""Rubbish class examples: Goodfellow, Shlens & Szegedy 2015, appendix A."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.base import Attack, Need, Role
from bench.threats import Criterion, Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws


class GaussianRubbish(Attack):
    """Inputs that belong to no class at all: every feature drawn from N(0, 1), whatever the data's range."""

    name: ClassVar[str] = "gaussian-rubbish"
    needs: ClassVar[Need] = "nothing"
    role: ClassVar[Role] = "generated"
    summary: ClassVar[str] = "x ~ N(0, I); an error is to be confident of any class"

    draw: Annotated[int, Field(ge=0)] = 0
    """Which of the independent repetitions this is."""

    @property
    def criterion(self) -> Criterion:
        return Criterion(kind="confident", threshold=0.5)

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        rubbish = x.new_tensor(draws.normal(tuple(x.shape[1:]), self.draw))
        for _ in budgets:
            yield rubbish
