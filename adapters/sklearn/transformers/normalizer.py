"""Inputs brought to unit norm."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from adapters.sklearn.transformers.base import Transformer

ORDERS = {"l1": 1.0, "l2": 2.0, "max": torch.inf}


class Normalizer(Transformer):
    """Each input over its norm; one with a norm of next to nothing stays as it is."""

    def __init__(self, estimator: Any) -> None:
        super().__init__()
        self._order = ORDERS[estimator.norm]
        self.bitwise = estimator.norm == "max"

    def forward(self, x: Tensor) -> Tensor:
        norms: Tensor = torch.linalg.vector_norm(x, ord=self._order, dim=1, keepdim=True)
        return x / norms.where(norms >= 10 * torch.finfo(x.dtype).eps, 1)

    def state(self) -> Iterable[object]:
        yield from super().state()
        yield self._order
