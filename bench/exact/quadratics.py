"""Lower bounds of quadratics `a . u + u' Q u` that need not be convex, over a cube and over a ball."""

from __future__ import annotations

import torch
from torch import Tensor

BLOCKS = 4
"""Parts of the columns of a symmetric matrix, of which only those on and below the diagonal are computed."""
EXACT = 1e-12
"""Relative rounding of sums here: of row sums, and of eigenvalues."""
ROUNDS = 30
"""Of fixing coordinates."""
NEWTON = 12
"""Steps, each of which makes a Cholesky factor; 3 are enough as a rule."""
CLOSE = 1e-3
"""Length of a point off from 1: of the bound it is a square."""
SPARE = 1e-9
"""Share of a matrix that is taken off: more than the rounding of a factor of it."""
TINY = 1e-300


def products(rows: Tensor, factors: Tensor) -> Tensor:
    """`(D, D)` float64: the sum over `(S, D)` rows r of `(S,)` factors times r r', computed in the type of the rows."""
    weighed, size = factors[:, None] * rows, rows.shape[1]
    found = torch.empty(size, size, dtype=torch.float64)
    step = -(-size // BLOCKS)
    for first in range(0, size, step):
        last = first + step
        found[first:, first:last] = weighed[:, first:].T @ rows[:, first:last]
        found[first:last, last:] = found[last:, first:last].T
    return found


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
    sizes, diagonal = q.abs(), q.diagonal()
    slack = EXACT * float(a.abs().sum() + sizes.sum())
    a, total, corner = a.clone(), -slack, -torch.where(a < 0, -1.0, 1.0).to(a.dtype)
    free = torch.ones_like(a)
    rows = sizes.sum(1) - diagonal.clamp_max(0).abs()
    for _ in range(ROUNDS):
        fixed = (free > 0) & (a.abs() > 2 * rows * (1 + EXACT))
        if not bool(fixed.any()):
            break
        ends = -a.sign() * fixed
        added = q @ ends
        total += float(ends @ (a + added))
        a += 2 * added
        rows -= sizes @ fixed.to(a.dtype)
        free[fixed] = 0
        corner = torch.where(fixed, ends, torch.where(free > 0, -torch.where(a < 0, -1.0, 1.0), corner))
    # What is left of a row is of the others that are free, and of the square where that is convex: which may be 0.
    beside = (sizes @ free - diagonal.abs() - diagonal.clamp_max(0)) @ free
    return total - float(a.abs() @ free + beside), corner


def least_in_ball(a: Tensor, q: Tensor) -> tuple[float, Tensor]:
    """A lower bound over `|u|_2 <= 1`, and `(D,)` point of it that is low.

    For every l >= 0 with M = Q + l 1 positive definite `-a' M^-1 a / 4 - l` is one, and the least for the l whose point
    `-M^-1 a / 2` is of length 1, unless Q is definite and the point inside: Newton's steps on 1 / length (More &
    Sorensen 1983). That M is definite a Cholesky factor of a little less shows, beyond its own rounding.

    Args:
        a: `(D,)` float64.
        q: `(D, D)` float64, symmetric.
    """
    size, slope = float(q.norm()), float(a.norm())
    low, high = 0.0, slope / 2 + size * (1 + SPARE) + TINY
    best, point = -slope - size, -a / max(slope, TINY)
    shift = min(high, max(slope / 2, TINY))
    for _ in range(NEWTON):
        spare = SPARE * (size + shift)
        whole = q + shift * torch.eye(len(a), dtype=q.dtype)
        factor, failed = torch.linalg.cholesky_ex(whole - spare * torch.eye(len(a), dtype=q.dtype))
        if int(failed):
            low, shift = shift, (shift + high) / 2
            continue
        u = torch.cholesky_solve(-a[:, None] / 2, factor)[:, 0]
        missed = a + 2 * whole @ u
        # The point misses the least by at most |missed|^2 / 4 over the least eigenvalue, which is above spare / 2.
        bound = float(a @ u + u @ whole @ u - missed @ missed / (2 * spare)) - shift
        length = float(u.norm())
        if bound > best:
            best, point = bound, u / max(length, 1.0)
        if abs(length - 1) < CLOSE:
            break
        low, high = (shift, high) if length > 1 else (low, shift)
        back = torch.linalg.solve_triangular(factor, u[:, None], upper=False)
        shift += length**2 / max(float((back**2).sum()), TINY) * (length - 1)
        if not low < shift < high:
            shift = (low + high) / 2
    return best - EXACT * (size + slope), point


def least_in_half_balls(a: Tensor, q: Tensor, side: Tensor) -> tuple[float, Tensor]:
    """The same where some coordinates have one sign only: `side` is that sign, or 0, `(D,)`.

    Where the slope is beyond all that `2 Q u` can add to it, and never goes down to where u may go, the least has
    `u_i = 0`. Others are taken to be free.
    """
    squares, free = q.square(), torch.ones_like(a)
    for _ in range(ROUNDS):
        rows = 2 * (squares @ free).sqrt() * (1 + EXACT)
        shut = (free > 0) & (a * side > 0) & (a.abs() > rows)
        if not bool(shut.any()):
            break
        free[shut] = 0
    open_, point = free.nonzero()[:, 0], torch.zeros_like(a)
    if not len(open_):
        return 0.0, point
    bound, point[open_] = least_in_ball(a[open_], q[open_][:, open_])
    return min(bound, 0.0), point
