"""Scalers and projections: arithmetic with fitted numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.errors import Unsupported
from adapters.sklearn.transformers.base import Transformer
from adapters.structures.base import Structure
from adapters.structures.linear import Linear
from adapters.structures.linear_votes import LinearVotes

ORDERS = {"l1": 1.0, "l2": 2.0, "max": torch.inf}


class Scaler(Transformer):
    """Some of `sub`, `div`, `mul` and `add` with a `(D,)` array each, in the order given, then a clip to two ends.

    Each is NumPy's in-place operation: computed in the wider of the two types, and rounded to the input's.
    """

    narrows = False
    """Whether its numbers are rounded to the input's type before they are used."""

    def __init__(self, clip: tuple[float, float] | None = None, **operands: np.ndarray | None) -> None:
        super().__init__(clip, **{name: torch.tensor(value) for name, value in operands.items() if value is not None})
        self._clip = clip

    def forward(self, x: Tensor) -> Tensor:
        for name, operand in self._constants.items():
            wide = x.dtype if self.narrows else torch.promote_types(x.dtype, operand.dtype)
            x = getattr(torch, name)(x.to(wide), operand.to(wide)).to(x.dtype)
        return x if self._clip is None else x.clamp(*self._clip)

    def opened(self, behind: Structure, features: int) -> Structure:
        if self._clip is not None:
            raise Unsupported("nothing is known to be proved of a model behind a scaler that clips")
        slope, offset = torch.ones(features, dtype=torch.float64), torch.zeros(features, dtype=torch.float64)
        for name, operand in self._constants.items():
            number = operand.double().cpu()
            if name in ("mul", "div"):
                slope, offset = (getattr(torch, name)(part, number) for part in (slope, offset))
            else:
                offset = getattr(torch, name)(offset, number)
        return behind.scaled(slope, offset)


class Standard(Scaler):
    """StandardScaler: (x - mean) / deviation."""

    narrows = True

    def __init__(self, estimator: Any) -> None:
        super().__init__(
            sub=estimator.mean_ if estimator.with_mean else None, div=estimator.scale_ if estimator.with_std else None
        )


class MinMax(Scaler):
    """MinMaxScaler: x times the scale plus the shift that take the fitted range to the wanted one."""

    def __init__(self, estimator: Any) -> None:
        low, high = map(float, estimator.feature_range)
        super().__init__((low, high) if estimator.clip else None, mul=estimator.scale_, add=estimator.min_)


class MaxAbs(Scaler):
    """MaxAbsScaler: x over the largest fitted size."""

    def __init__(self, estimator: Any) -> None:
        clip = (-1.0, 1.0) if getattr(estimator, "clip", False) else None  # scikit-learn has it from 1.9 on
        super().__init__(clip, div=estimator.scale_)


class Robust(Scaler):
    """RobustScaler: (x - median) / spread of quantiles."""

    def __init__(self, estimator: Any) -> None:
        super().__init__(
            sub=estimator.center_ if estimator.with_centering else None,
            div=estimator.scale_ if estimator.with_scaling else None,
        )


class Normalizer(Transformer):
    """Each input over its norm; one with a norm of next to nothing stays as it is."""

    plainly = "a Normalizer"

    def __init__(self, estimator: Any) -> None:
        self._order = ORDERS[estimator.norm]
        super().__init__(self._order)
        self.bitwise = estimator.norm == "max"

    def forward(self, x: Tensor) -> Tensor:
        norms: Tensor = torch.linalg.vector_norm(x, ord=self._order, dim=1, keepdim=True)
        return x / norms.where(norms >= 10 * torch.finfo(x.dtype).eps, 1)


class Projection(Transformer):
    """x @ W.T + b, in float64: components of little variance are small differences, which whitening blows up."""

    bitwise = False
    _precision: torch.dtype
    """In which it is computed of float32 inputs."""
    _origin: torch.Tensor
    """`(D,)` what is subtracted first."""

    def opened(self, behind: Structure, features: int) -> Structure:
        if not isinstance(behind, (Linear, LinearVotes)):
            raise Unsupported(f"nothing is known to be proved of a {behind.kind} behind a projection")
        weight, bias = (self._constants[name].cpu() for name in ("weight", "bias"))
        return behind.projected(weight, bias, self._origin.cpu(), self._precision)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.double(), self._constants["weight"], self._constants["bias"]).to(x.dtype)


class TruncatedSVD(Projection):
    """x @ C.T."""

    def __init__(self, estimator: Any) -> None:
        weight = estimator.components_.astype(np.float64)
        super().__init__(weight=torch.tensor(weight), bias=torch.zeros(len(weight), dtype=torch.float64))
        self._precision = torch.as_tensor(np.empty(0, estimator.components_.dtype)).dtype
        self._origin = torch.zeros(weight.shape[1], dtype=torch.float64)


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
        self._precision = torch.as_tensor(np.empty(0, estimator.components_.dtype)).dtype
        self._origin = torch.tensor(np.array(estimator.mean_, dtype=np.float64))
