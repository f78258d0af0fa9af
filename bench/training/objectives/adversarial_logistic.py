"""Adversarial training of logistic regression in closed form (arXiv 1412.6572, section 5)."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F

from bench.threats import Epsilon
from bench.training.nets.base import Net
from bench.training.nets.linear import LogisticRegression
from bench.training.objectives.base import Objective


class AdversarialLogistic(Objective):
    """`softplus(eps ||w||_1 - y (w.x + b))` with y = -1 for class 0 and +1 for class 1: the worst loss in the eps ball.

    The formula printed in the paper, `softplus(y (eps ||w||_1 - w.x - b))`, is this one for y = +1 only: for y = -1 it
    would reward the norm.
    """

    eps: Epsilon
    once: ClassVar[bool] = False

    def __call__(self, net: Net, x: Tensor, y: Tensor) -> Tensor:
        if not isinstance(net, LogisticRegression):
            raise TypeError(f"the worst case of a {net.kind} has no such form; train it on objective 'adversarial'")
        logits = net(x)
        score = logits[:, 1] - logits[:, 0]
        norm = net.first_weights().abs().sum()
        return F.softplus(self.eps * norm - (2 * y - 1) * score)
