"""Values of all pairs of classes, laid out as squares: what one-against-one classifiers count and add up.

A square `(N, K, K)` is seen from the side of its row: it holds in row i and column j what speaks for class i against j,
and zeros on the diagonal. That of a pair's one value is so twice, with either sign.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def places(count: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """`(P,)` first and `(P,)` second class of all pairs i < j, in scikit-learn's order."""
    first, second = torch.triu_indices(count, count, 1, device=device)
    return first, second


def squared(values: Tensor, count: int) -> Tensor:
    """The square of `(N, P)` values, each of which speaks for the first class of its pair."""
    first, second = places(count, values.device)
    rows = torch.arange(len(values), device=values.device)[:, None]
    square = values.new_zeros(len(values), count, count)
    return square.index_put((rows, first, second), values).index_put((rows, second, first), -values)


def in_pairs(square: Tensor) -> Tensor:
    """`(N, P)` values for the first class of each pair."""
    first, second = places(square.shape[1], square.device)
    return square[:, first, second]


def others(count: int, device: torch.device | str = "cpu") -> Tensor:
    """`(K, K)` whether a place is of two classes."""
    return ~torch.eye(count, dtype=torch.bool, device=device)


def by_rival(dual: NDArray[np.float64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """`(S, K)` coefficient of each support vector against each rival of its class, 0 for its own.

    libsvm's `(K - 1, S)` table leaves out the own class: of class i row j - 1 is that for a rival j above it, row j
    that for one below. `sizes` are the `(K,)` numbers of support vectors, which lie class by class.
    """
    count = len(sizes)
    table, start = np.zeros((dual.shape[1], count)), 0
    for own, size in enumerate(sizes):
        here = slice(start, start + int(size))
        table[here, [rival for rival in range(count) if rival != own]] = dual[:, here].T
        start += int(size)
    return table


def dense(table: NDArray[np.float64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """`(P, S)` the same with a row a pair, most of which is zeros."""
    ends = np.cumsum(sizes)
    pairs = list(zip(*np.triu_indices(len(sizes), 1), strict=True))
    rows = np.zeros((len(pairs), len(table)))
    for row, (i, j) in zip(rows, pairs, strict=True):
        for own, rival in ((i, j), (j, i)):
            here = slice(ends[own] - sizes[own], ends[own])
            row[here] = table[here, rival]
    return rows


def both_sides(values: Tensor, table: Tensor, sizes: list[int]) -> Tensor:
    """`(N, K, K)` sums of `(N, S)` values of support vectors times their coefficients, symmetric.

    Of classes i and j those of i's vectors against j and of j's against i: without a matrix of a row a pair, whose
    zeros cost K / 2 times the work and the memory.
    """
    parts = zip(torch.split(values, sizes, dim=1), torch.split(table, sizes), strict=True)
    half = torch.stack([part @ weights for part, weights in parts], dim=1)
    return half + half.mT


def upper(count: int, device: torch.device | str = "cpu") -> Tensor:
    """`(K, K)` what turns a value for a pair's first class into one for the row's: 1 above the diagonal, -1 below."""
    ones = torch.ones(count, count, device=device)
    return ones.triu(1) - ones.tril(-1)


def squashed(sums: Tensor) -> Tensor:
    """Monotone, within a third of a vote: scikit-learn's tie-break in `_ovr_decision_function`."""
    return sums / (3 * (sums.abs() + 1))
