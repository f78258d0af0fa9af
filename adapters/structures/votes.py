"""Votes of pairs of classes, as libsvm and scikit-learn count them.

A square `(N, K, K)` holds in row i and column j what speaks for class i against j, and zeros on the diagonal.
"""

from __future__ import annotations

import torch
from torch import Tensor


def votes(square: Tensor, breaks_ties: bool) -> Tensor:
    """`(N, K)` votes. A pair's vote goes to the side that it is above 0 for; where it is 0, to the higher class.

    Args:
        square: `(N, K, K)` decision values.
        breaks_ties: as in scikit-learn: votes are told apart by s / (3 (|s| + 1)), s a class's sum of decision values,
            and a pair that is 0 votes for the lower class.
    """
    first = torch.ones(square.shape[1:], dtype=torch.bool).triu(1)
    won = ((square > 0) | ((square == 0) & (first if breaks_ties else first.mT))).sum(2).double()
    return won + squashed(square.sum(2)) if breaks_ties else won


def blurred(square: Tensor, error: Tensor, breaks_ties: bool) -> Tensor:
    """`(N,)` how far the difference of two classes' votes may be off, the pairs being off by at most `error`.

    A pair within its error may have gone to the other side: then one class has a vote less and another one more.
    """
    apart = ~torch.eye(square.shape[1], dtype=torch.bool)
    unsure: Tensor = 2.0 * (apart & ~(square.abs() > error)).sum(2).amax(1)
    return unsure + (2 * error.sum(2).amax(1) / 3 + 1e-12 if breaks_ties else 0)  # no steeper is the squashing


def squashed(sums: Tensor) -> Tensor:
    """Monotone, within a third of a vote: scikit-learn's tie-break in `_ovr_decision_function`."""
    return sums / (3 * (sums.abs() + 1))


def by_pair(values: Tensor, count: int, sign: int = -1) -> Tensor:
    """The square of `(N, P)` values of all pairs i < j in their order: for j they count times `sign`."""
    first, second = torch.triu_indices(count, count, 1)
    square = values.new_zeros(len(values), count, count)
    square[:, first, second], square[:, second, first] = values, sign * values
    return square
