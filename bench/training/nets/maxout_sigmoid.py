"""A maxout network whose classes do not compete."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from bench.training.nets.maxout import Maxout


class MaxoutSigmoid(Maxout):
    """Maxout with an independent sigmoid a class on top: all of them may say no (arXiv 1412.6572, appendix A)."""

    kind: ClassVar[str] = "maxout-sigmoid"
    confidence_kind: ClassVar[str] = "sigmoid"

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """`(N,)` binary cross-entropy summed over the classes."""
        own = F.one_hot(y, logits.shape[1]).to(logits.dtype)
        return F.binary_cross_entropy_with_logits(logits, own, reduction="none").sum(1)

    def rubbish_loss(self, logits: Tensor) -> Tensor:
        """`(N,)` binary cross-entropy with all classes absent, summed over them."""
        return F.softplus(logits).sum(1)

    def probabilities(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()
