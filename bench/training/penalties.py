"""What weights cost by themselves, beside the loss on examples."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.training.nets.base import Net
from bench.training.spec import Training


def penalty(net: Net, training: Training) -> Tensor | None:
    """`l1 sum |w|` over the first layer, as in arXiv 1412.6572, section 5, and `weight_decay / 2 sum w^2` over all.

    Biases cost nothing. None where a recipe asks for neither.
    """
    terms = []
    if training.l1:
        terms.append(training.l1 * net.first_weights().abs().sum())
    if training.weight_decay:
        squares = [weights.square().sum() for name, weights in net.named_parameters() if name.endswith("weight")]
        terms.append(training.weight_decay / 2 * torch.stack(squares).sum())
    return torch.stack(terms).sum() if terms else None
