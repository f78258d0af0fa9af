"""Scalers: elementwise arithmetic with one number a feature."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adapters.sklearn.transformers.base import Transformer


class Scaler(Transformer):
    """Some of `sub`, `div`, `mul` and `add`, in that order of arguments, then a clip.

    Each is NumPy's in-place operation: computed in the wider of the two types, and rounded to the input's.
    """

    narrows = False
    """Whether its numbers are rounded to the input's type before they are used."""

    def __init__(self, clip: tuple[float, float] | None = None, **operands: np.ndarray | None) -> None:
        """
        Args:
            clip: lowest and highest output, or None.
            operands: `(D,)` array of each operation, in their order; None for one that is left out.
        """
        super().__init__(**{name: torch.tensor(value) for name, value in operands.items() if value is not None})
        self._clip = clip

    def forward(self, x: Tensor) -> Tensor:
        for name, operand in self._constants.items():
            wide = x.dtype if self.narrows else torch.promote_types(x.dtype, operand.dtype)
            x = getattr(torch, name)(x.to(wide), operand.to(wide)).to(x.dtype)
        return x if self._clip is None else x.clamp(*self._clip)

    def state(self) -> Iterable[object]:
        yield from super().state()
        yield self._clip


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
