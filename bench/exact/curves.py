"""How far kernel functions bend: quadratics below and above them.

For a function f of one number, of p and any l between -L and R,

    f(p) + f'(p) l + low l^2  <=  f(p + l)  <=  f(p) + f'(p) l + high l^2

where `low` and `high` are the least and largest value of (f(p + l) - f(p) - f'(p) l) / l^2, a mean of f'' / 2 between
p and p + l. Where f''' keeps its sign that grows or falls all along, and both are its values at -L and R.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from adapters.structures.kernel_votes import KernelVotes

SMALL = 1e-2
"""Below that a series has more digits."""
WIDER = 1 + 1e-12
"""Relative rounding of these formulas."""


def values(structure: KernelVotes, p: Tensor) -> tuple[Tensor, Tensor]:
    """The kernel, as a function of `structure.arguments`, and its derivative."""
    if structure.kernel == "rbf":
        return p.exp(), p.exp()
    if structure.kernel == "sigmoid":
        return p.tanh(), 1 - p.tanh().square()
    d = structure.degree
    return p**d, d * p ** max(d - 1, 0)


def bends(structure: KernelVotes, p: Tensor, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """`low` and `high` at p, between `left` L below and `right` R above."""
    if structure.kernel == "rbf":
        low, high = p.exp() * _remainder(-left), p.exp() * _remainder(right)
    elif structure.kernel == "sigmoid":
        low, high = _of_sigmoid(p - left, p + right)
    else:
        low, high = _of_power(p, left, right, structure.degree)
    return low - (WIDER - 1) * low.abs(), high + (WIDER - 1) * high.abs()


def _remainder(t: Tensor) -> Tensor:
    """`(exp(t) - 1 - t) / t^2`, which grows with t."""
    series = 0.5 + t / 6 + t**2 / 24 + t**3 / 120 + t**4 / 720
    away = t.where(t.abs() > SMALL, 1.0)
    return ((away.expm1() - away) / away**2).where(t.abs() > SMALL, series)


def _of_power(p: Tensor, left: Tensor, right: Tensor, d: int) -> tuple[Tensor, Tensor]:
    if d < 2:
        return torch.zeros_like(p), torch.zeros_like(p)
    ends = [
        sum((math.comb(d, k) * p ** (d - k) * t ** (k - 2) for k in range(2, d + 1)), torch.zeros_like(p))
        for t in (-left, right)
    ]
    low, high = torch.minimum(*ends), torch.maximum(*ends)
    if d % 2 == 0 and d > 2:  # f''' has the sign of its argument: bounds of f'' / 2 where it has both
        astride = (p - left <= 0) & (p + right >= 0)
        low = low.where(~astride, 0.0)
        high = high.where(~astride, math.comb(d, 2) * torch.maximum(left - p, p + right) ** (d - 2))
    return low, high


def _of_sigmoid(start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """Half the extremes of f'' = -2 t (1 - t^2), t = tanh, that has its own at t = -1 / sqrt(3) and 1 / sqrt(3)."""
    first, last = start.tanh(), end.tanh()
    ends = [-t * (1 - t.square()) for t in (first, last)]
    low, high = torch.minimum(*ends), torch.maximum(*ends)
    turn, most = 1 / math.sqrt(3), 2 / (3 * math.sqrt(3))
    low = low.where(~((first <= turn) & (turn <= last)), -most)
    high = high.where(~((first <= -turn) & (-turn <= last)), most)
    return low - 1e-15, high + 1e-15  # of 1 - t^2 rounding leaves no digits where t is 1
