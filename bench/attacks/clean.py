"""The attack that changes nothing: the clean pass is a cell like any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from bench.attacks.base import Attack, Need, Role
from bench.threats import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws


class Clean(Attack):
    """Presents every example as it is."""

    name: ClassVar[str] = "clean"
    needs: ClassVar[Need] = "nothing"
    role: ClassVar[Role] = "clean"
    summary: ClassVar[str] = "the example itself"

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        for _ in budgets:
            yield x
