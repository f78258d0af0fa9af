"""Linear models: softmax regression, and logistic regression, whose worst case is known in closed form."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from bench.training.nets.base import Net


class SoftmaxRegression(Net):
    """One affine map to the logits, from zero weights ("shallow softmax", section 4 of arXiv 1412.6572)."""

    kind: ClassVar[str] = "softmax-regression"

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.linear(x)
        return logits

    def first_weights(self) -> Tensor:
        return self.linear.weight


class LogisticRegression(SoftmaxRegression):
    """One affine score s, from zero weights, with the logits (0, s) (arXiv 1412.6572, section 5).

    Their softmax is (sigmoid(-s), sigmoid(s)), and their cross-entropy softplus(-y s) with y = -1 for class 0 and +1
    for class 1. Raises ValueError where there are not two classes.
    """

    kind: ClassVar[str] = "logistic-regression"

    def __init__(self, features: int, classes: int) -> None:
        if classes != 2:
            raise ValueError(f"logistic regression tells 2 classes apart, not {classes}; take softmax-regression")
        super().__init__(features, 1)

    def forward(self, x: Tensor) -> Tensor:
        score = self.linear(x)
        return torch.cat([torch.zeros_like(score), score], 1)
