"""Scores of classes, and what rounding leaves open between them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor


def gap(scores: Tensor) -> Tensor:
    """`(N,)` difference between the two largest scores of each row; infinite where there is one class only."""
    if scores.shape[1] < 2:
        return scores.new_full(scores.shape[:1], torch.inf)
    best = scores.topk(2, dim=1).values
    return best[:, 0] - best[:, 1]


def undecided(low: Tensor, high: Tensor) -> Tensor:
    """`(M,)` rows whose largest score is not known, each of the `(N, K)` scores being anywhere from `low` to `high`."""
    best, winner = low.max(1, keepdim=True)
    rival = high.scatter(1, winner, -torch.inf).amax(1, keepdim=True)
    return (~(best > rival)).nonzero()[:, 0]


def two_sided(values: Tensor) -> Tensor:
    """`(N, K)` scores of a decision function, whose single column `(N, 1)` in the binary case is class 1's over 0."""
    return torch.cat([torch.zeros_like(values), values], dim=1) if values.shape[1] == 1 else values


def one_sided(scores: Tensor) -> Tensor:
    """`(N, K)` scores as a decision function gives them: of two classes one column `(N, 1)`, class 1's over 0."""
    return scores[:, 1:] - scores[:, :1] if scores.shape[1] == 2 else scores


def softmax(scores: Tensor) -> Tensor:
    """`(N, K)` shares of the classes. Many rows of few columns are less work the other way round."""
    return scores.T.contiguous().softmax(0).T.contiguous()


def topped(scores: Tensor, labels: Tensor) -> Tensor:
    """`(N, K)` scores whose first argmax is the label: where it is not, the label's score is lifted just above the top.

    The rules that scores alone do not tell (vote ties, rounding) move a label between classes of nearly equal score.
    """
    wrong = (scores.argmax(1) != labels).nonzero()[:, 0]
    if len(wrong):
        scores = scores.clone()
        scores[wrong, labels[wrong]] = torch.nextafter(scores[wrong].amax(1), scores.new_tensor(torch.inf))
    return scores


def log_odds_against(logits: Tensor, y: Tensor) -> Tensor:
    """`(N,)` log-odds against class `y`: logsumexp of the rivals' logits minus the logit of `y`.

    Cross entropy is the softplus of this, so both have gradients of one direction. Cross entropy's vanishes in float32
    as soon as the model is sure; this one's does not.
    """
    own = logits.gather(1, y[:, None])
    rivals = logits.scatter(1, y[:, None], -torch.inf)
    return rivals.logsumexp(1) - own[:, 0]


def margin_against(logits: Tensor, y: Tensor) -> Tensor:
    """`(N,)` largest logit of the rivals of class `y` minus its own."""
    own = logits.gather(1, y[:, None])
    return logits.scatter(1, y[:, None], -torch.inf).amax(1) - own[:, 0]


def sum_roundoff(terms: int, *dtypes: torch.dtype) -> float:
    """Relative error bound of a sum of `terms` products in the coarsest of `dtypes`, in any order of summation.

    Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1: gamma_n = n u / (1 - n u); the few
    operations around the sum are allowed for by counting eight more terms.
    """
    unit = max(torch.finfo(dtype).eps for dtype in dtypes) / 2
    return (terms + 8) * unit / (1 - (terms + 8) * unit)


def float32_is_exact_enough() -> bool:
    """Whether float32 products are IEEE ones: with TF32 or bfloat16 switched on no error bound here would hold."""
    try:
        return torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # set through torch's newer switches, one for each backend: it is not "highest" for all
        return False


def narrowed(values: Tensor, towards: Literal[-1, 1]) -> Tensor:
    """The nearest float32 not above (-1), or not below (1), each float64 value: comparisons with float32 stay."""
    near = values.float()
    over = near.double() > values if towards < 0 else near.double() < values
    return torch.where(over, torch.nextafter(near, torch.tensor(towards * torch.inf)), near)
