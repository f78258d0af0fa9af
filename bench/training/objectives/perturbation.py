"""Training on examples and on what an adversary makes of them: the form of arXiv 1412.6572, section 6."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.threats import Epsilon, norm_named
from bench.training.device import random_state, set_random_state
from bench.training.nets.base import Net
from bench.training.nets.linear import LogisticRegression
from bench.training.objectives.base import Objective
from bench.training.spec import OwnFGSM

_FLOOR = 1e-30
"""Added to squared lengths: a vector shorter than about 1e-15 counts as none, and no gradient is NaN."""


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

    once: ClassVar[bool] = False
    """If not, the loss is differentiated through x~: learning takes the adversary's reaction into account."""

    @abstractmethod
    def perturbed(self, x: Tensor, gradient: Tensor) -> Tensor:
        """`(N, features)` x~."""

    def passes(self, net: Net, x: Tensor, y: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        point = x.clone().requires_grad_()
        clean = net.loss(net(point), y)
        (gradient,) = torch.autograd.grad(clean.sum(), point, retain_graph=True, create_graph=not self.once)
        return clean, lambda: net.loss(net(self.perturbed(x, gradient)), y)


class Adversarial(PerturbedInput, OwnFGSM):
    """`x~ = x + eps sign(grad_x J(x))`, crafted anew at every step and not differentiated through."""

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


class HiddenPerturbation(Perturbation):
    """J~ is the loss with the outputs h of hidden layers moved up the gradient of J.

    `additive`: `h + size sign(g)`, which a network of unbounded units escapes by making h large. `rotation`: h turned
    by `size` radians towards g, which it cannot. The gradients are those of the clean pass and count as constants.
    """

    form: Literal["additive", "rotation"]
    size: float
    layers: Literal["all"] | tuple[int, ...] = "all"
    """Which hidden layers, counted from 0 at the input."""
    once: ClassVar[bool] = False

    def perturbed(self, h: Tensor, gradient: Tensor) -> Tensor:
        """`(N, units)` moved outputs of a layer."""
        if self.form == "additive":
            return h + self.size * norm_named("linf").step(gradient)
        return rotated(h, gradient, self.size)

    def passes(self, net: Net, x: Tensor, y: Tensor) -> tuple[Tensor, Callable[[], Tensor]]:
        hidden = net.hidden_layers()
        chosen = hidden if self.layers == "all" else [hidden[layer] for layer in self.layers]
        outputs: list[Tensor] = []
        clean = _hooked(net, x, y, chosen, [outputs.append] * len(chosen))
        gradients = torch.autograd.grad(clean.sum(), outputs, retain_graph=True)
        return clean, lambda: _hooked(net, x, y, chosen, [partial(self.perturbed, gradient=g) for g in gradients])


def _hooked(
    net: Net, x: Tensor, y: Tensor, layers: Sequence[nn.Module], hooks: Sequence[Callable[[Tensor], Tensor | None]]
) -> Tensor:
    """The loss while each layer's output goes through its hook; one that returns None leaves it as it is."""
    handles = [
        layer.register_forward_hook(lambda module, given, output, hook=hook: hook(output))
        for layer, hook in zip(layers, hooks, strict=True)
    ]
    try:
        return net.loss(net(x), y)
    finally:
        for handle in handles:
            handle.remove()


class AdversarialLogistic(Objective):
    """`softplus(eps ||w||_1 - y (w.x + b))` with y = -1 for class 0 and +1 for class 1: the worst loss in the eps ball.

    The formula printed in the paper, `softplus(y (eps ||w||_1 - w.x - b))`, is this one for y = +1 only: for y = -1 it
    would reward the norm.
    """

    eps: Epsilon
    once: ClassVar[bool] = False

    def __call__(self, net: Net, x: Tensor, y: Tensor) -> Tensor:
        if not isinstance(net, LogisticRegression):
            raise TypeError(f"the worst case of a {net.kind} has no such form; train it on objective 'adversarial'")
        logits = net(x)
        score = logits[:, 1] - logits[:, 0]
        norm = net.first_weights().abs().sum()
        return F.softplus(self.eps * norm - (2 * y - 1) * score)


# -- directions and turns in a batch of vectors, differentiable wherever they are defined ------------------------------


def length(x: Tensor) -> Tensor:
    """`(N, 1)` L2 norm of `(N, features)`."""
    return (x.square().sum(1, keepdim=True) + _FLOOR).sqrt()


def unit(x: Tensor) -> Tensor:
    """`(N, features)` scaled to L2 norm 1; zero stays zero."""
    return x / length(x)


def rotated(x: Tensor, towards: Tensor, angle: float) -> Tensor:
    """`(N, features)` turned by `angle`, in radians below pi / 2, in the plane of `x` and `towards`; lengths are kept.

    Where either is zero, `x` stays; where they are parallel, rounding chooses the plane.
    """
    along, ahead = unit(x), unit(towards)
    across = unit(ahead - (ahead * along).sum(1, keepdim=True) * along)
    turned = along + math.tan(angle) * across
    return length(x) * unit(turned)
