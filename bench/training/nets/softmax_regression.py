"""Softmax regression: the linear model that fast gradient sign steps fool most reliably."""

from __future__ import annotations

from typing import ClassVar

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
