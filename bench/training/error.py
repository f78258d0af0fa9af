"""The error of a network in training, clean and under its own FGSM."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.training.nets.base import Net
from bench.training.spec import OwnFGSM

BATCH = 1000
"""Examples attacked at once."""


def error(net: Net, x: Tensor, y: Tensor, attack: OwnFGSM | None) -> float:
    """Share of the examples that a network in training gets wrong, under attack or clean.

    Measured without dropout, so that nothing is drawn from the random state.
    """
    net.eval()
    wrong = torch.zeros((), device=x.device)
    for images, labels in zip(torch.split(x, BATCH), torch.split(y, BATCH), strict=True):
        met = images
        if attack is not None:
            point = images.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(net.loss(net(point), labels).sum(), point)
            met = attack.moved(images, gradient)
        with torch.no_grad():
            wrong += (net(met).argmax(1) != labels).sum()
    net.train()
    return float(wrong) / len(x)
