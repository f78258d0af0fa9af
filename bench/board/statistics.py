"""Intervals and paired tests. They cover test sampling only: another training run of a model is another model."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054
"""Two-sided 95% quantile of the normal distribution."""


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


def mcnemar(first_only: int, second_only: int) -> float:
    """Two-sided p value of the exact McNemar test, from the two discordant counts (McNemar 1947)."""
    from scipy.special import bdtr

    n = first_only + second_only
    return min(1.0, 2.0 * float(bdtr(min(first_only, second_only), n, 0.5))) if n else 1.0


def mcnemar_greater(first_only: int, second_only: int) -> float:
    """One-sided p value: that the first count is the larger by chance alone."""
    from scipy.special import bdtr

    n = first_only + second_only
    return float(bdtr(second_only, n, 0.5)) if n else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """p values adjusted for their number (Holm 1979), in the order given."""
    order = np.argsort(p_values, kind="stable")
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for place, position in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - place) * p_values[position]))
        adjusted[position] = running
    return adjusted


def ranks(robust: Sequence[NDArray[np.bool_]], level: float = 0.05) -> list[int]:
    """Rank of each model: 1 + the number of models significantly better, by exact McNemar tests with Holm's correction.

    Args:
        robust: for each model, `(N,)` whether each example is right and stays right; the same examples for all.
        level: of significance, for all pairs together.
    """
    pairs = [(i, j) for i in range(len(robust)) for j in range(i)]
    counts = [(int((robust[i] & ~robust[j]).sum()), int((robust[j] & ~robust[i]).sum())) for i, j in pairs]
    adjusted = holm([mcnemar(*count) for count in counts])
    result = [1] * len(robust)
    for (i, j), (i_only, j_only), p in zip(pairs, counts, adjusted, strict=True):
        if p < level:
            result[j if i_only > j_only else i] += 1
    return result
