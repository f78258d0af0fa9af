"""Intervals and paired tests. They cover test sampling only: another training run of a model is another model."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054
"""Two-sided 95% quantile of the normal distribution."""
LEVEL = 0.05
"""Of all pairs of a ranking, or of all tests of a guest, together."""
CHUNK = 10_000
"""Examples that are compared at once."""
Counts = NDArray[np.int64] | int
Masks = Sequence[NDArray[np.bool_]]


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson's 95% score interval of a proportion (Wilson 1927).

    Written out rather than taken from `scipy.stats`, whose import alone takes longer than a whole leaderboard.
    """
    if n == 0:
        return 0.0, 1.0
    share, z2 = successes / n, Z95 * Z95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # The ends are exact where they are known: rounding must not make 10,000 of 10,000 less than certain.
    return (0.0 if successes == 0 else centre - half), (1.0 if successes == n else centre + half)


def mcnemar(first_only: Counts, second_only: Counts) -> NDArray[np.float64]:
    """Two-sided p values of the exact McNemar test, from the two discordant counts (McNemar 1947)."""
    more, less = np.maximum(first_only, second_only), np.minimum(first_only, second_only)
    return np.minimum(1.0, 2.0 * mcnemar_greater(more, less))


def mcnemar_greater(first_only: Counts, second_only: Counts) -> NDArray[np.float64]:
    """One-sided p values: that the first count is the larger by chance alone."""
    from scipy.special import bdtr

    return np.asarray(bdtr(second_only, np.add(first_only, second_only), 0.5), dtype=np.float64)


def holm(p_values: NDArray[np.float64] | Sequence[float]) -> list[float]:
    """p values adjusted for their number (Holm 1979), in the order given."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(order))
    left = np.arange(len(order), 0, -1)
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, left * np.asarray(p_values)[order]))
    return list(adjusted.tolist())


def won(robust: Masks, fallen: Masks) -> NDArray[np.int64]:
    """`(A, B)` on how many examples each of A models is robust and each of B has fallen.

    Both are for each model `(N,)` of all examples. One that is in neither of a model's is not known of it.
    """
    counts = np.zeros((len(robust), len(fallen)))
    for start in range(0, len(robust[0]) if robust else 0, CHUNK):  # counts this small are exact in float32
        cut = slice(start, start + CHUNK)
        first, second = (np.array([mask[cut] for mask in masks], dtype=np.float32) for masks in (robust, fallen))
        if len(second):
            counts += first @ second.T
    return counts.astype(np.int64)


def ranks(robust: Masks, fallen: Masks | None = None) -> list[int]:
    """Rank of each model: 1 + the number of models significantly better, by exact McNemar tests with Holm's correction.

    Args:
        robust: for each model `(N,)` whether each example is right and stays right.
        fallen: likewise whether it is known not to; None where it is known of all examples. Two models are compared on
            the examples that are known of both.
    """
    only = won(robust, [~mask for mask in robust] if fallen is None else fallen)
    first, second = np.tril_indices(len(robust), -1)
    apart = np.array(holm(mcnemar(only[first, second], only[second, first]))) < LEVEL
    worse = np.where(only[first, second] > only[second, first], second, first)[apart]
    return [int(rank) for rank in 1 + np.bincount(worse, minlength=len(robust))]


def sides(wins: NDArray[np.int64], losses: NDArray[np.int64]) -> NDArray[np.int64]:
    """`(B,)` of one model against each of B others: 1 where it is significantly better, -1 worse, else 0.

    By exact McNemar tests with Holm's correction over these B alone.

    Args:
        wins: `(B,)` examples on which it alone is robust.
        losses: `(B,)` those on which the other alone is.
    """
    apart = np.array(holm(mcnemar(wins, losses))) < LEVEL
    return np.where(apart, np.sign(wins - losses), 0)


def share(part: int, whole: int) -> float | None:
    """A share; None of nothing."""
    return part / whole if whole else None
