"""Multi-prediction training of Boltzmann machines (Goodfellow et al., NIPS 2013)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.training.nets.base import Net
from bench.training.nets.mp_dbm import MPDBM
from bench.training.objectives.base import Objective


class MultiPrediction(Objective):
    """Cross-entropy of hidden pixels and labels, summed over them, as inference fills them in from the others.

    Others are hidden at every step, so that one set of weights learns to predict any part from any other. Pixels in
    [0, 1] are targets as they are.
    """

    hide: float
    """Share of the pixels, and of the labels, that is hidden."""

    once: ClassVar[bool] = False

    def __call__(self, net: Net, x: Tensor, y: Tensor) -> Tensor:
        if not isinstance(net, MPDBM):
            raise TypeError(f"a {net.kind} does not infer its inputs; train it on another objective")
        hidden = (torch.rand_like(x) < self.hide).to(x.dtype)
        hidden_class = (torch.rand_like(x[:, :1]) < self.hide).to(x.dtype)
        one_hot = F.one_hot(y, len(net.y_bias)).to(x.dtype)
        pixels, label = net.infer(x, hidden, one_hot, hidden_class)
        of_pixels = F.binary_cross_entropy_with_logits(pixels, x, reduction="none")
        return (hidden * of_pixels).sum(1) + hidden_class[:, 0] * F.cross_entropy(label, y, reduction="none")
