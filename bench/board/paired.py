"""Two models on the same examples: the paired difference of two shares, its interval and its test."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from bench.board.statistics import Z95, mcnemar

HALVINGS = 60
"""Of an interval at most 2 wide: what is left is below the last digit of a float."""


def tango(first_only: int, second_only: int, n: int) -> tuple[float, float]:
    """95% score interval of the paired difference `(second_only - first_only) / n` of two shares.

    Tango (1998), Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design, Statistics in Medicine 17:891, equations 13 and 14: the differences that his score test at 5% does not
    reject. At no difference that test is McNemar's. Unlike Wald's interval it has a width where nothing is discordant,
    and unlike Newcombe's (1998) it needs no correction for how the two go together.

    Args:
        first_only: examples on which the first alone succeeds.
        second_only: those on which the second alone does.
        n: all examples.

    Returns:
        (-1, 1) of no examples.
    """
    if n == 0:
        return -1.0, 1.0
    return -_upper(second_only, first_only, n), _upper(first_only, second_only, n)


def _upper(first_only: int, second_only: int, n: int) -> float:
    """The largest difference, second less first, that is not rejected."""
    if second_only == n:
        return 1.0
    inside, outside = (second_only - first_only) / n, 1.0
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        if _score(second_only, first_only, n, middle) > -Z95:
            inside = middle
        else:
            outside = middle
    return (inside + outside) / 2


def _score(more: int, less: int, n: int, difference: float) -> float:
    """Tango's statistic of a supposed difference: standard normal where that is the true one."""
    # The share of `less` that is likeliest where the difference is the supposed one.
    b = -more - less + (2 * n - more + less) * difference
    c = -less * difference * (1 - difference)
    share = (sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
    variance = n * (2 * share + difference * (1 - difference))
    gap = more - less - n * difference
    return gap / sqrt(variance) if variance > 0 else float("inf") * gap if gap else 0.0


@dataclass(frozen=True)
class Paired:
    """A baseline and a candidate on the same examples, success or not on each."""

    n: int
    baseline: int
    """Successes."""
    candidate: int
    lost: NDArray[np.int64]
    """Places of the examples on which the baseline alone succeeds."""
    gained: NDArray[np.int64]
    """Those on which the candidate alone does."""

    @classmethod
    def of(cls, baseline: NDArray[np.bool_], candidate: NDArray[np.bool_]) -> Paired:
        """Of `(n,)` successes of both."""
        lost, gained = np.flatnonzero(baseline & ~candidate), np.flatnonzero(candidate & ~baseline)
        return cls(len(baseline), int(baseline.sum()), int(candidate.sum()), lost, gained)

    @property
    def difference(self) -> float:
        """Of the shares, candidate less baseline; 0 of nothing."""
        return (self.candidate - self.baseline) / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Tango's, 95%, of that difference; it covers the sampling of examples only."""
        return tango(len(self.lost), len(self.gained), self.n)

    @property
    def p_value(self) -> float:
        """Of the exact two-sided McNemar test."""
        return float(mcnemar(len(self.lost), len(self.gained)))
