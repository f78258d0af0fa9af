"""Gaussian naive Bayes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from adapters.rounding import sum_roundoff
from adapters.structures.base import Structure


@dataclasses.dataclass(frozen=True)
class GaussianNB(Structure):
    """Scores `constant - q / 2`, q the sum over features of `(x - mean)^2 inverse`."""

    kind: ClassVar[str] = "gaussian-nb"

    mean: Tensor
    """`(K, features)` float64."""
    inverse: Tensor
    """`(K, features)` float64 inverse variances, above 0."""
    constant: Tensor
    """`(K,)` float64."""
    size: Tensor
    """`(K,)` float64 sizes of the terms of the constants added up."""
    share: float
    """A score is off by at most this share of `size + q / 2`."""

    def __post_init__(self) -> None:
        """Raise ValueError unless all fields fit each other and are finite."""
        super().__post_init__()
        shape = (len(self.classes), self.mean.shape[-1] if self.mean.ndim == 2 else 0)
        fields = {"mean": shape, "inverse": shape, "constant": shape[:1], "size": shape[:1]}
        for name, extents in fields.items():
            value = getattr(self, name)
            if value.dtype != torch.float64 or tuple(value.shape) != extents:
                raise ValueError(f"its {name} is {value.dtype} of shape {tuple(value.shape)}, not float64 of {extents}")
            if not bool(value.isfinite().all()):
                raise ValueError(f"its {name} is not finite")
        if not (bool((self.inverse > 0).all()) and bool((self.size >= 0).all()) and 0 <= self.share < 1):
            raise ValueError("a variance, or its bound on rounding, is negative or not finite")

    @classmethod
    def computed(
        cls, classes: Sequence[int], mean: Tensor, inverse: Tensor, constant: Tensor, size: Tensor, dtype: torch.dtype
    ) -> GaussianNB:
        """Of a model that adds up its scores in `dtype`; four times Higham's bound, for ours are computed too."""
        share = min(4 * sum_roundoff(mean.shape[1], dtype), math.nextafter(1, 0))
        return cls(tuple(classes), mean, inverse, constant, size, share)

    def scores(self, x: Tensor) -> Tensor:
        return self.constant - self._squares(x) / 2

    def roundoff(self, x: Tensor) -> Tensor:
        return 2 * self.share * (self.size + self._squares(x) / 2).amax(1)

    def _squares(self, x: Tensor) -> Tensor:
        """`(N, K)` q, class by class: multiplied out it would lose digits."""
        flat = x.flatten(1).double()
        pairs = zip(self.mean, self.inverse, strict=True)
        return torch.stack([(flat - mean).square() @ inverse for mean, inverse in pairs], dim=1)
