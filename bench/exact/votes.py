"""Which class has most votes when some pairs of classes are decided for sure."""

from __future__ import annotations

import torch
from torch import Tensor


def elected(sure: Tensor, own: Tensor, breaks_ties: bool) -> Tensor:
    """`(N,)` bool: whatever the undecided pairs do, the label is column `own`.

    That is so where its sure votes are all K - 1, for every rival has lost one then. With fewer, every rival must be
    sure of so many losses that it has fewer votes still, or as many if it is higher and ties are not told apart.

    Args:
        sure: `(N, K, K)` bool, the class of the row surely has the vote of its pair with that of the column.
        own: `(N,)` int64.
        breaks_ties: a tie of votes goes to the larger sum of decision values, else to the lowest class.
    """
    count = sure.shape[1]
    mine = sure[torch.arange(len(own)), own].sum(1, keepdim=True)
    most = count - 1 - sure.sum(1)
    tied = (mine == most) & (torch.arange(count) > own[:, None]) & (not breaks_ties)
    return ((mine > most) | tied).scatter(1, own[:, None], True).all(1)
