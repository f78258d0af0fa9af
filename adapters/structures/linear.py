"""Linear classifiers."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch
from torch import Tensor

from adapters.rounding import sum_roundoff
from adapters.structures.base import Structure


@dataclasses.dataclass(frozen=True)
class Linear(Structure):
    """Scores `x @ weight.T + bias`."""

    kind: ClassVar[str] = "linear"

    weight: Tensor
    """`(K, features)` float64."""
    bias: Tensor
    """`(K,)` float64."""
    single: bool
    """Whether the model itself computes in float32."""

    def scores(self, x: Tensor) -> Tensor:
        return x.flatten(1).double() @ self.weight.T + self.bias

    def roundoff(self, x: Tensor) -> Tensor:
        size = x.flatten(1).double().abs() @ self.weight.abs().T + self.bias.abs()
        dtype = torch.float32 if self.single else torch.float64
        return 4 * sum_roundoff(self.weight.shape[1], dtype) * size.amax(1)

    def scaled(self, slope: Tensor, offset: Tensor) -> Linear:
        return Linear(self.classes, self.weight * slope, self.bias + self.weight @ offset, single=True)
