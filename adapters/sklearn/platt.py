"""Platt's scaling of several classes: from the probabilities of pairs to those of classes, as libsvm does it.

Each pair has r_ij = P(i | i or j) = 1 / (1 + exp(A_ij d_ij + B_ij)), and the class probabilities are those that fit all
pairs best: the p of sum 1 that minimises sum over pairs of (r_ji p_i - r_ij p_j)^2 (Wu, Lin & Weng, JMLR 2004, their
second method).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def square(first: Tensor, second: Tensor) -> Tensor:
    """`(N, K, K)` pairwise probabilities, r_ij in row i, from the `(N, P)` r_ij and r_ji of the pairs i < j."""
    count = (1 + math.isqrt(1 + 8 * first.shape[1])) // 2
    i, j = torch.triu_indices(count, count, 1, device=first.device)
    square = first.new_zeros(len(first), count, count)
    rows = torch.arange(len(first), device=first.device)[:, None]
    return square.index_put((rows, i, j), first).index_put((rows, j, i), second)


def _quadratic(pairs: Tensor) -> Tensor:
    """`(N, K, K)` matrices Q of the sum of squares p.Q p that the best fit minimises."""
    return torch.diag_embed((pairs**2).sum(1)) - pairs * pairs.mT


def best_fit(pairs: Tensor) -> Tensor:
    """`(N, K)` logarithm of the class probabilities that fit `(N, K, K)` pairs best, differentiable.

    At the minimum Q p = c 1: one linear system in p and c.
    """
    count = pairs.shape[1]
    corner = F.pad(pairs.new_zeros(count, count), (0, 1, 0, 1), value=1.0)
    corner[count, count] = 0
    last = F.pad(pairs.new_zeros(len(pairs), count), (0, 1), value=1.0)
    solved: Tensor = torch.linalg.solve(F.pad(_quadratic(pairs), (0, 1, 0, 1)) + corner, last)
    return solved[:, :count].clamp_min(torch.finfo(pairs.dtype).eps).log()


def iterated(pairs: Tensor, slack: Tensor) -> tuple[Tensor, Tensor]:
    """libsvm's way to the best fit: `(N, K)` probabilities, and whether its stop lay within `(N,)` `slack`.

    `multiclass_probability` in svm.cpp: from uniform probabilities one component is set after the other, until no
    component of the gradient exceeds 0.005 / K.
    """
    count = pairs.shape[1]
    stop = 0.005 / count
    quadratic = _quadratic(pairs)
    fit = torch.full_like(pairs[:, 0], 1 / count)
    near_stop = torch.zeros(len(pairs), dtype=torch.bool, device=pairs.device)
    rows = torch.arange(len(pairs), device=pairs.device)
    for _ in range(max(100, count)):
        matrix, now = quadratic[rows], fit[rows]
        slopes = (matrix @ now[:, :, None])[:, :, 0]
        level = (now * slopes).sum(1)
        worst = (slopes - level[:, None]).abs().amax(1)
        near_stop[rows] |= (worst - stop).abs() <= slack[rows]
        goes_on = worst >= stop
        rows, matrix, now, slopes, level = (part[goes_on] for part in (rows, matrix, now, slopes, level))
        if not len(rows):
            break
        for at in range(count):
            own = matrix[:, at, at]
            step = (level - slopes[:, at]) / own
            now[:, at] += step
            whole = 1 + step
            level = (level + step * (step * own + 2 * slopes[:, at])) / whole / whole
            slopes = (slopes + step[:, None] * matrix[:, at]) / whole[:, None]
            now = now / whole[:, None]
        fit[rows] = now
    return fit, near_stop
