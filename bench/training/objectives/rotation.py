"""Adversarial training on small rotations (arXiv 1412.6572, section 6: differentiable, and a weak regulariser)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from bench.training.objectives.directions import rotated
from bench.training.objectives.perturbed_input import PerturbedInput


@dataclass(frozen=True, kw_only=True)
class Rotation(PerturbedInput):
    """x~ is x turned by a small angle towards the gradient, at the same distance from zero."""

    angle: float
    """In radians."""

    differentiable: ClassVar[bool] = True
    once: ClassVar[bool] = False

    def perturbed(self, x: Tensor, gradient: Tensor) -> Tensor:
        return rotated(x, gradient, self.angle)
