"""Training on examples and on what an adversary makes of them: the form of arXiv 1412.6572, section 6."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from torch import Tensor

from bench.threats import Epsilon
from bench.training.nets.base import Net
from bench.training.objectives.base import Objective
from bench.training.objectives.directions import rotated, unit
from bench.training.random_state import random_state, set_random_state
from bench.training.spec import OwnFGSM


class Perturbation(Objective):
    """`alpha J + (1 - alpha) J~`, where J~ is the loss with something moved by its gradient of J."""

    alpha: float
    """Share of the loss on clean examples."""
    masks: Literal[1, 2]
    """Draws of dropout a step: 1 for the same units in both passes, 2 for others. The paper does not say."""

    @abstractmethod
    def passes(self, net: Net, x: Tensor, y: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        """J, and the pass that gives J~."""

    def __call__(self, net: Net, x: Tensor, y: Tensor) -> Tensor:
        before = random_state(x.device)
        clean, perturbed = self.passes(net, x, y)
        if self.masks == 1:
            set_random_state(before, x.device)
        return self.alpha * clean + (1 - self.alpha) * perturbed()


class PerturbedInput(Perturbation):
    """J~ is J at x~, which follows from x and the gradient of J at x."""

    differentiable: ClassVar[bool] = True
    """Whether the loss is differentiated through x~, so that learning takes the adversary's reaction into account."""
    once: ClassVar[bool] = False

    @abstractmethod
    def perturbed(self, x: Tensor, gradient: Tensor) -> Tensor:
        """`(N, features)` x~."""

    def passes(self, net: Net, x: Tensor, y: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        point = x.clone().requires_grad_()
        clean = net.loss(net(point), y)
        (gradient,) = torch.autograd.grad(clean.sum(), point, retain_graph=True, create_graph=self.differentiable)
        return clean, lambda: net.loss(net(self.perturbed(x, gradient)), y)


class Adversarial(PerturbedInput, OwnFGSM):
    """`x~ = x + eps sign(grad_x J(x))`, crafted anew at every step and not differentiated through."""

    differentiable: ClassVar[bool] = False
    once: ClassVar[bool] = True

    def perturbed(self, x: Tensor, gradient: Tensor) -> Tensor:
        return self.moved(x, gradient)


class ScaledGradient(PerturbedInput):
    """`x~ = x + eps g / ||g||_2` with g the gradient of J at x; a weak regulariser, says the paper."""

    eps: Epsilon
    """L2 norm of the step."""

    def perturbed(self, x: Tensor, gradient: Tensor) -> Tensor:
        return x + self.eps * unit(gradient)


class Rotation(PerturbedInput):
    """x~ is x turned by a small angle towards the gradient, at the same distance from zero; as weak."""

    angle: float
    """In radians."""

    def perturbed(self, x: Tensor, gradient: Tensor) -> Tensor:
        return rotated(x, gradient, self.angle)
