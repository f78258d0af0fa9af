"""Logistic regression of two classes: the model whose worst case is known in closed form."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from bench.training.nets.softmax_regression import SoftmaxRegression


class LogisticRegression(SoftmaxRegression):
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
        if classes != 2:
            raise ValueError(f"logistic regression tells 2 classes apart, not {classes}; take softmax-regression")
        super().__init__(features, 1)

    def forward(self, x: Tensor) -> Tensor:
        score = self.linear(x)
        return torch.cat([torch.zeros_like(score), score], 1)
