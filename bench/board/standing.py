"""What a model's clean pass says against ranking it: a robust accuracy means nothing where the accuracy does.

Each verdict needs enough examples to be sure of: a short look at a few says nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.board.statistics import mcnemar_greater

ENOUGH = 50
"""Examples below which nothing is said."""
LEVEL = 0.01
RENAMED = 0.001
"""Level for renamed classes."""
GAIN = 0.05
"""Examples right by other names of the classes, and by these alone, from which classes count as renamed."""


def standing(labels: NDArray[np.int64], true: NDArray[np.int64]) -> dict[str, str]:
    """Flags of a clean pass, each with the numbers behind it.

    Args:
        labels: `(N,)` the model's, -1 where it abstains.
        true: `(N,)` classes.
    """
    n, right = len(true), int((labels == true).sum())
    most = int(np.bincount(true).max(initial=0))
    if n < ENOUGH or n == most:  # of one class alone nothing is told, and of few of the others what the tests tell
        return {}
    found = {}
    given = np.unique(labels[labels >= 0])
    if len(given) <= 1:
        what = f"class {given[0]}" if len(given) else "an abstention"
        found["one-class"] = f"all of its answers are {what}"
    elif (renamed := _right_renamed(labels, true)) is not None:
        found["classes-renamed"] = f"{right / n:.1%} right, {renamed / n:.1%} with its classes renamed"
    if at_chance(right, n, most):
        found["at-chance"] = f"{right / n:.1%} right; the commonest class is {most / n:.1%}"
    return found


def at_chance(right: int, n: int, most: int) -> bool:
    """Whether so many right are not clearly more than always giving the commonest class (binomial test, 1%)."""
    from scipy.special import bdtrc

    return right == 0 or bool(bdtrc(right - 1, n, most / n) >= LEVEL)


def _right_renamed(labels: NDArray[np.int64], true: NDArray[np.int64]) -> int | None:
    """How many are right under the best permutation of the classes, where these are sure to be others than they say.

    The permutation that suits one half of the examples is tried on the other, and the other way round: one that
    suits by chance alone is no better there.
    """
    if _diagonal_leads(labels, true):
        return None
    from scipy.optimize import linear_sum_assignment

    renamed = np.zeros(len(true), dtype=bool)
    half = np.arange(len(true)) % 2 == 0
    for fitted in (half, ~half):
        rows, columns = linear_sum_assignment(-_table(labels[fitted], true[fitted], _size(labels, true)))
        names = np.empty(len(rows), dtype=np.int64)
        names[rows] = columns
        renamed[~fitted] = (names[labels] == true)[~fitted] & (labels >= 0)[~fitted]
    right = labels == true
    more, less = int((renamed & ~right).sum()), int((right & ~renamed).sum())
    sure = more - less > GAIN * len(true) and bool(mcnemar_greater(more, less) < RENAMED)
    return int(renamed.sum()) if sure else None


def _diagonal_leads(labels: NDArray[np.int64], true: NDArray[np.int64]) -> bool:
    """Whether each label is given most often to its own class: then no permutation is better."""
    table = _table(labels, true, _size(labels, true))
    return bool((table.diagonal() == table.max(1)).all())


def _size(labels: NDArray[np.int64], true: NDArray[np.int64]) -> int:
    return int(max(labels.max(), true.max())) + 1


def _table(labels: NDArray[np.int64], true: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """`(K, K)` how often each label, down, was given to each class, across."""
    sure = labels >= 0
    return np.bincount(labels[sure] * size + true[sure], minlength=size * size).reshape(size, size)
