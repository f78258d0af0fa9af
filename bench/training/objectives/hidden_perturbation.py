"""Adversarial training that perturbs hidden layers (arXiv 1412.6572, section 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from bench.threats import norm_named
from bench.training.nets.base import Net
from bench.training.objectives.directions import rotated
from bench.training.objectives.perturbation import Perturbation


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
