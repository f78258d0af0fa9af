"""The error of a network in training, clean and under its own FGSM."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.training.nets.base import Net
from bench.zoo.cookbook import OwnFGSM

BATCH = 1000
"""Examples attacked at once."""


def error(net: Net, x: Tensor, y: Tensor, attack: OwnFGSM | None) -> float:
    """Share of the examples that a network in training gets wrong, under attack or clean.

    Measured without dropout, so that nothing is drawn from the random state.
    """
    net.eval()
    wrong = torch.zeros((), device=x.device)
    for images, labels in zip(torch.split(x, BATCH), torch.split(y, BATCH), strict=True):
        met = images if attack is None else _attacked(net, images, labels, attack)
        with torch.no_grad():
            wrong += (net(met).argmax(1) != labels).sum()
    net.train()
    return float(wrong) / len(x)


def _attacked(net: Net, x: Tensor, y: Tensor, attack: OwnFGSM) -> Tensor:
    """The examples after one FGSM step up the network's own loss."""
    point = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(net.loss(net(point), y).sum(), point)
    moved = x + attack.eps * gradient.sign()
    return moved if attack.clip is None else moved.clamp(*attack.clip)
