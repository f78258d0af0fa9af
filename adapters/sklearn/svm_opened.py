"""What decides the labels of a kernel support vector machine, as arrays to prove things of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from adapters.errors import Unsupported
from adapters.rounding import sum_roundoff
from adapters.structures.base import Structure
from adapters.structures.kernel_votes import KernelVotes
from adapters.structures.linear import Linear
from adapters.structures.linear_votes import LinearVotes

DOUBLE = torch.float64


def opened(
    vectors: Tensor, dual: Tensor, bias: Tensor, sizes: Sequence[int], *,
    kernel: str, gamma: float, coef0: float, degree: int, breaks_ties: bool,
) -> Structure:  # fmt: skip
    """The structure: of a linear kernel and two classes `Linear`, which closed forms are known for.

    Args:
        vectors: `(S, features)` float64, class by class.
        dual: `(S, K)` coefficient of each vector against each rival of its class, as libsvm signs them.
        bias: `(K, K)` what is added to the decision value of the row's class over the column's.
        sizes: how many vectors are of each class.
        kernel: its name in scikit-learn.
        gamma: of the kernel.
        coef0: of the kernel.
        degree: of the kernel.
        breaks_ties: by the sums of decision values.

    Raises:
        Unsupported: a vector speaks against its own class, as after a fit that came to nothing.
    """
    count = len(sizes)
    signs = torch.ones(count, count, dtype=DOUBLE).triu(1) - torch.ones(count, count, dtype=DOUBLE).tril(-1)
    weights = dual * signs.repeat_interleave(torch.tensor(sizes), dim=0) + 0.0
    if bool((weights < 0).any()):
        raise Unsupported("nothing is known to be proved of support vectors that speak against their own class")
    if kernel != "linear":
        return KernelVotes.plain(
            range(count), vectors, sizes, weights, bias,
            kernel=kernel, gamma=gamma, coef0=coef0, degree=degree, breaks_ties=breaks_ties,
        )  # fmt: skip
    pairs = _pairs(vectors, weights, bias, sizes)
    if count > 2:
        return LinearVotes(tuple(range(count)), pairs, breaks_ties)
    weight, beside, off, rest = (
        torch.cat([torch.zeros_like(part), part]) for part in (pairs.weight, pairs.bias, pairs.off, pairs.rest)
    )
    return Linear((1, 0), weight, beside, off, rest)  # where both are 0 the label is the second class


def _pairs(vectors: Tensor, weights: Tensor, bias: Tensor, sizes: Sequence[int]) -> Linear:
    """A linear function a pair. A product of an input and a vector is off by gamma_D |x| |s|, and their sum by gamma_S;
    four times that, for ours are computed too.
    """
    ends = torch.tensor([0, *sizes]).cumsum(0).tolist()
    share = 4 * (sum_roundoff(vectors.shape[1], DOUBLE) + sum_roundoff(len(vectors), DOUBLE))
    parts = [
        (vectors[first:last].T @ weights[first:last], vectors[first:last].abs().T @ weights[first:last])
        for first, last in pairwise(ends)
    ]
    rows, sums = [], []
    first, second = torch.triu_indices(len(sizes), len(sizes), 1)
    for i, j in zip(first.tolist(), second.tolist(), strict=True):
        rows.append(parts[i][0][:, j] - parts[j][0][:, i])
        sums.append(parts[i][1][:, j] + parts[j][1][:, i])
    constant = bias[first, second]
    places = tuple(range(len(rows)))
    return Linear(places, torch.stack(rows), constant, share * torch.stack(sums), share * constant.abs())
