"""Adversarial training on the scaled gradient (arXiv 1412.6572, section 6: differentiable, and a weak regulariser)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from bench.training.objectives.directions import unit
from bench.training.objectives.perturbed_input import PerturbedInput


@dataclass(frozen=True, kw_only=True)
class ScaledGradient(PerturbedInput):
    """`x~ = x + eps g / ||g||_2` with g the gradient of J at x."""

    eps: float
    """L2 norm of the step."""

    differentiable: ClassVar[bool] = True
    once: ClassVar[bool] = False

    def perturbed(self, x: Tensor, gradient: Tensor) -> Tensor:
        return x + self.eps * unit(gradient)
