"""Fooling images of digits, and whether they fool."""

from __future__ import annotations

from torch import Tensor

from adapters.base import Adapter

SHAPE = (1, 8, 8)


def reached(source: Adapter, candidates: Tensor, goals: Tensor) -> Tensor:
    """`(N,)` what the criterion says, in plain terms."""
    outputs = source.outputs(candidates)
    assert outputs.probabilities is not None
    return (outputs.labels == goals) & (outputs.probabilities.gather(1, goals[:, None])[:, 0] > 0.5)
