"""Lower bounds of quadratics `a . u + u' Q u` that need not be convex, over a cube and over a ball."""

from __future__ import annotations

import torch
from torch import Tensor

EXACT = 1e-12
"""Relative rounding of sums here: of row sums, and of eigenvalues."""
ROUNDS = 30
HALVINGS = 60


def least_in_cube(a: Tensor, q: Tensor) -> tuple[float, Tensor]:
    """A lower bound over `|u_i| <= 1`, and `(D,)` corner that is low.

    Where `|a_i|` is beyond all that `2 Q_ij u_j` can add to it, the least has `u_i = -sign(a_i)`: coordinates are fixed
    so until none is left to be, each adding its share to the others' a. (Persistency, as of quadratic pseudo-Boolean
    functions: Boros & Hammer 2002. Along a coordinate in which the quadratic is concave the least is at an end anyway,
    and only the others count.) Of those that stay free `-|a_i|` and `-|Q_ij|` is all that is known.

    Args:
        a: `(D,)` float64.
        q: `(D, D)` float64, symmetric.
    """
    size = float(a.abs().sum() + q.abs().sum())
    a, total, corner = a.clone(), 0.0, -torch.where(a < 0, -1.0, 1.0).to(a.dtype)
    free = torch.ones(len(a), dtype=torch.bool)
    diagonal = q.diagonal()
    rows = q.abs().sum(1) - diagonal.abs() + diagonal.clamp_min(0)
    for _ in range(ROUNDS):
        fixed = free & (a.abs() > 2 * rows * (1 + EXACT))
        if not bool(fixed.any()):
            break
        ends = -a[fixed].sign()
        corner[fixed] = ends
        between = q[:, fixed]
        total += float(a[fixed] @ ends + ends @ between[fixed] @ ends)
        a += 2 * between @ ends
        rows -= between.abs().sum(1)
        free &= ~fixed
    rest = q[free][:, free]
    corner[free] = -torch.where(a < 0, -1.0, 1.0).to(a.dtype)[free]
    beside = rest.abs().sum() - rest.diagonal().abs().sum() - rest.diagonal().clamp_max(0).sum()
    total -= float(a[free].abs().sum() + beside) + EXACT * size
    return total, corner


def least_in_ball(a: Tensor, q: Tensor) -> tuple[float, Tensor]:
    """A lower bound over `|u|_2 <= 1`, and `(D,)` point of it that is low.

    For every l >= 0 with Q + l 1 positive definite `-a' (Q + l 1)^-1 a / 4 - l` is one; the best l is a root.

    Args:
        a: `(D,)` float64.
        q: `(D, D)` float64, symmetric.
    """
    spectrum, basis = torch.linalg.eigh(q)
    spread = EXACT * len(a) * spectrum.abs().max()
    along = basis.T @ a
    low = (-(spectrum[0] - spread)).clamp_min(0) + spread + 1e-300
    high = low + along.norm() / 2 + spread  # there the point has a norm of at most 1
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        outside = bool((along / (2 * (spectrum + middle))).norm() > 1)
        low, high = (middle, high) if outside else (low, middle)
    point = -along / (2 * (spectrum + high))
    bound = -(along**2 / (4 * (spectrum - spread + high))).sum() * (1 + EXACT * len(a)) - high
    moved = basis @ point
    return float(bound), moved / moved.norm().clamp_min(1.0)
