"""The fast gradient sign method: Goodfellow, Shlens & Szegedy 2015, section 4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from bench.attacks.gradient import GradientAttack
from bench.threats import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws


class FGSM(GradientAttack):
    """One step of size eps along the sign of the gradient, or along the scaled gradient `g / |g|` for L2.

    One gradient serves a whole grid of epsilons.
    """

    name: ClassVar[str] = "fgsm"
    title: ClassVar[str] = "FGSM"
    single_step: ClassVar[bool] = True
    summary: ClassVar[str] = "x + eps sign(g), one gradient sign step; for L2 the scaled gradient, x + eps g / |g|"

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        direction = budgets[0].step(self.gradient(source, x, self.labels(source, x, y), goals))
        for budget in budgets:
            yield budget.moved(x, direction)
