"""Iterated FGSM: the basic iterative method, also called PGD without a random start (Kurakin et al. 2016)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.base import within_range
from bench.attacks.fgsm import GradientAttack, steepest
from bench.threats.threat import Norm, Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws


class IteratedFGSM(GradientAttack):
    """`steps` small FGSM steps, each followed by a projection onto the ball: the check that FGSM is not fooled."""

    name: ClassVar[str] = "iterated-fgsm"
    summary: ClassVar[str] = "FGSM in small steps, projected onto the ball (BIM, PGD)"

    steps: Annotated[int, Field(ge=1)] = 20
    step_ratio: Annotated[float, Field(gt=0, le=1)] = 0.125
    """Size of one step as a share of eps: 2.5 / steps (Madry et al. 2018) reaches the boundary and moves along it."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        labels = self.labels(source, x, y)
        for budget in budgets:
            eps = budget.eps or 0.0
            moved = x
            for _ in range(self.steps):
                direction = steepest(self.gradient(source, moved, labels, goals), budget.norm)
                delta = _project(moved + self.step_ratio * eps * direction - x, eps, budget.norm)
                moved = within_range(x + delta, budget)
            yield moved


def _project(delta: Tensor, eps: float, norm: Norm | None) -> Tensor:
    """The nearest perturbation of norm at most eps."""
    if norm == "linf":
        return delta.clamp(-eps, eps)
    lengths = delta.flatten(1).norm(dim=1).clamp_min(1e-12)
    shrink: Tensor = (eps / lengths).clamp_max(1.0).reshape(-1, *[1] * (delta.ndim - 1))
    return delta * shrink
