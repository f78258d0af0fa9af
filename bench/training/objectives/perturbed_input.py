"""Training on examples and on what an adversary makes of them: the form of arXiv 1412.6572, section 6."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from bench.training.nets.base import Net
from bench.training.objectives.base import Objective
from bench.training.random_state import random_state, set_random_state


@dataclass(frozen=True, kw_only=True)
class PerturbedInput(Objective):
    """`alpha J(x) + (1 - alpha) J(x~)`, where x~ follows from x and the gradient of J at x."""

    alpha: float
    """Share of the loss on clean examples."""
    masks: Literal[1, 2]
    """Draws of dropout a step: 1 for the same units on x and x~, 2 for others on x~. The paper does not say."""

    differentiable: ClassVar[bool]
    """Whether the loss is differentiated through x~, so that learning takes the adversary's reaction into account."""

    @abstractmethod
    def perturbed(self, x: Tensor, gradient: Tensor) -> Tensor:
        """`(N, features)` x~."""

    def __call__(self, net: Net, x: Tensor, y: Tensor) -> Tensor:
        before = random_state(x.device)
        point = x.clone().requires_grad_()
        clean = net.loss(net(point), y)
        (gradient,) = torch.autograd.grad(clean.sum(), point, retain_graph=True, create_graph=self.differentiable)
        if self.masks == 1:
            set_random_state(before, x.device)
        return self.alpha * clean + (1 - self.alpha) * net.loss(net(self.perturbed(x, gradient)), y)
