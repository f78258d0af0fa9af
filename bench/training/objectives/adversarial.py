"""Adversarial training with the fast gradient sign method (arXiv 1412.6572, section 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from bench.training.objectives.perturbed_input import PerturbedInput


@dataclass(frozen=True, kw_only=True)
class Adversarial(PerturbedInput):
    """`x~ = x + eps sign(grad_x J(x))`, crafted anew at every step and not differentiated through."""

    eps: float
    clip: tuple[float, float] | None
    """Lowest and highest value of a feature of x~, or None for no limit, as in the paper."""

    differentiable: ClassVar[bool] = False

    def perturbed(self, x: Tensor, gradient: Tensor) -> Tensor:
        moved = x + self.eps * gradient.sign()
        return moved if self.clip is None else moved.clamp(*self.clip)
