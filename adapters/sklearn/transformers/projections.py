"""Projections: PCA and TruncatedSVD."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.sklearn.transformers.base import Transformer


class Projection(Transformer):
    """x @ W.T + b, in float64: components of little variance are small differences, which whitening blows up."""

    bitwise = False

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.double(), self._constants["weight"], self._constants["bias"]).to(x.dtype)


class TruncatedSVD(Projection):
    """x @ C.T."""

    def __init__(self, estimator: Any) -> None:
        weight = estimator.components_.astype(np.float64)
        super().__init__(weight=torch.tensor(weight), bias=torch.zeros(len(weight), dtype=torch.float64))


class PCA(Projection):
    """(x - mean) @ C.T, over the deviations where it whitens; a deviation below rounding counts as that."""

    def __init__(self, estimator: Any) -> None:
        weight, deviation = estimator.components_.astype(np.float64), np.ones(len(estimator.components_))
        if estimator.whiten:
            least = np.finfo(estimator.explained_variance_.dtype).eps
            deviation = np.maximum(np.sqrt(estimator.explained_variance_), least).astype(np.float64)
        super().__init__(
            weight=torch.tensor(weight / deviation[:, None]), bias=torch.tensor(-(weight @ estimator.mean_) / deviation)
        )
