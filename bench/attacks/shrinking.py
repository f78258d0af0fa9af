"""Perturbations brought into balls, each example's of a radius of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.threats.base import Geometry, per_example

if TYPE_CHECKING:
    from torch import Tensor

TINY = 1e-30
"""Least radius to divide by: float32 has it."""


def shrunk(geometry: Geometry, delta: Tensor, sizes: Tensor) -> Tensor:
    """`(N, *shape)` the nearest perturbations of norm at most `(N,)` sizes; those of infinite size as they are.

    A ball of radius r is the unit ball r times as large, but for L0, where a size is a number of features.
    """
    import torch

    if geometry.name == "l0":
        flat = delta.flatten(1)
        order = flat.abs().argsort(dim=1, descending=True, stable=True)
        ranks = torch.arange(flat.shape[1], device=delta.device).expand_as(flat)
        kept = torch.zeros_like(flat, dtype=torch.bool).scatter(1, order, ranks < sizes[:, None])
        return flat.where(kept, 0).view_as(delta)
    finite = sizes.isfinite()
    scale = per_example(sizes.where(finite, 1).clamp_min(TINY), delta).to(delta.dtype)
    inside = scale * geometry.projected(delta / scale, 1.0)
    return inside.where(per_example(finite, delta), delta)


def unit(values: Tensor) -> Tensor:
    """`(N, *shape)` scaled to an L2 norm of 1; zero where they are."""
    lengths = values.flatten(1).double().norm(dim=1).clamp_min(1e-300)
    return (values.double() / per_example(lengths, values)).to(values.dtype)
