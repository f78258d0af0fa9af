"""Logistic regression of two classes: the model whose worst case is known in closed form."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from bench.training.nets.base import Net


class LogisticRegression(Net):
    """One affine score s, from zero weights, with the logits (0, s) (arXiv 1412.6572, section 5).

    Their softmax is (sigmoid(-s), sigmoid(s)), and their cross-entropy softplus(-y s) with y = -1 for class 0 and +1
    for class 1.
    """

    kind: ClassVar[str] = "logistic-regression"

    def __init__(self, features: int, classes: int) -> None:
        """
        Raises:
            ValueError: there are not two classes.
        """
        super().__init__()
        if classes != 2:
            raise ValueError(f"logistic regression tells 2 classes apart, not {classes}; take softmax-regression")
        self.linear = nn.Linear(features, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        score = self.linear(x)
        return torch.cat([torch.zeros_like(score), score], 1)

    def first_weights(self) -> Tensor:
        return self.linear.weight
