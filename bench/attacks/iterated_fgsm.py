"""Iterated FGSM: the basic iterative method, also called PGD without a random start (Kurakin et al. 2016)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.gradient import GradientAttack
from bench.threats import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws


class IteratedFGSM(GradientAttack):
    """`steps` small FGSM steps, each followed by a projection onto the ball: the check that FGSM is not fooled."""

    name: ClassVar[str] = "iterated-fgsm"
    serves_grid: ClassVar[bool] = False
    summary: ClassVar[str] = "FGSM in small steps, projected onto the ball (BIM, PGD)"

    steps: Annotated[int, Field(ge=1)] = 20
    step_ratio: Annotated[float, Field(gt=0, le=1)] = 0.125
    """Size of one step as a share of eps: 2.5 / steps (Madry et al. 2018) reaches the boundary and moves along it."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        labels = self.labels(source, x, y)
        for budget in budgets:
            moved = x
            for _ in range(self.steps):
                step = budget.step(self.gradient(source, moved, labels, goals))
                moved = budget.project(x, moved + budget.geometry.sized(step, self.step_ratio * budget.size))
            yield moved
