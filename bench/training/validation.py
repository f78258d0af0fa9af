"""The error of a network in training, and when to stop: where the adversarial validation error is least."""

from __future__ import annotations

from collections.abc import Sequence

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


def held_out(size: int, n: int, seed: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Indices of the training examples to learn from, and of the `n` to validate on; ValueError if none is left."""
    if n >= size:
        raise ValueError(f"early stopping holds out {n} of {size} training examples; hold out fewer")
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed)).to(device)
    return order[n:], order[:n]


def best_epoch(errors: Sequence[float]) -> int:
    """The first epoch, counted from 1, after which the error was least."""
    return 1 + errors.index(min(errors))


def exhausted(errors: Sequence[float], patience: int) -> bool:
    """Whether `patience` epochs have passed without a new least error."""
    return bool(errors) and len(errors) - best_epoch(errors) >= patience
