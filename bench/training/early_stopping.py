"""When to stop: where the adversarial validation error is least (arXiv 1412.6572, section 6)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def held_out(size: int, n: int, seed: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Indices of the training examples to learn from, and of the `n` to validate on.

    Raises:
        ValueError: nothing is left to learn from.
    """
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
