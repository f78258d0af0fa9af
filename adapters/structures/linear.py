"""Linear classifiers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from adapters.rounding import sum_roundoff
from adapters.structures.base import Structure

STEPS = 8 * torch.finfo(torch.float32).eps / 2
"""Relative error of the few float32 operations of a scaling, its own numbers rounded to float32 among them."""
DOUBLE = torch.float64


@dataclasses.dataclass(frozen=True)
class Linear(Structure):
    """Scores `x @ weight.T + bias`, and how far the model's own may be from them.

    That bound is kept beside the weights, since it cannot be told from them: a bias or a weight that was put together
    of large numbers may itself be small.
    """

    kind: ClassVar[str] = "linear"

    weight: Tensor
    """`(K, features)` float64."""
    bias: Tensor
    """`(K,)` float64."""
    off: Tensor
    """`(K, features)` float64: a score is off by at most `|x| @ off.T + rest + square |x|^2`."""
    rest: Tensor
    """`(K,)` float64."""
    square: float = 0.0

    def __post_init__(self) -> None:
        """Raise ValueError unless all fields fit each other and are finite."""
        super().__post_init__()
        count = len(self.classes)
        for name, value, shape in (
            ("weight", self.weight, (count, self.weight.shape[-1] if self.weight.ndim == 2 else 0)),
            ("bias", self.bias, (count,)),
            ("off", self.off, tuple(self.weight.shape)),
            ("rest", self.rest, (count,)),
        ):
            if value.dtype != DOUBLE or tuple(value.shape) != shape:
                raise ValueError(f"its {name} is {value.dtype} of shape {tuple(value.shape)}, not float64 of {shape}")
            if not bool(value.isfinite().all()):
                raise ValueError(f"its {name} is not finite")
        if not (bool((self.off >= 0).all()) and bool((self.rest >= 0).all()) and 0 <= self.square < math.inf):
            raise ValueError("its bound on rounding is negative or not finite")

    @classmethod
    def computed(cls, classes: Sequence[int], weight: Tensor, bias: Tensor, dtype: torch.dtype) -> Linear:
        """Of a model that adds up its scores in `dtype`: Higham's bound, and three times that of float64, for ours are
        computed too.
        """
        ours = sum_roundoff(weight.shape[1], DOUBLE)
        share = 4 * ours if dtype == DOUBLE else sum_roundoff(weight.shape[1], dtype) + 3 * ours
        return cls(tuple(classes), weight, bias, share * weight.abs(), share * bias.abs())

    def scores(self, x: Tensor) -> Tensor:
        return x.flatten(1).double() @ self.weight.T + self.bias

    def roundoff(self, x: Tensor) -> Tensor:
        return 2 * self.errors(x).amax(1)

    def errors(self, x: Tensor) -> Tensor:
        """`(N, K)` how far each score of the model's may be from this one's."""
        flat = x.flatten(1).double()
        return flat.abs() @ self.off.T + self.rest + self.square * flat.square().sum(1, keepdim=True)

    def scaled(self, slope: Tensor, offset: Tensor) -> Linear:
        size = self.weight.abs() * STEPS + self.off * (1 + STEPS)
        square = 2 * (1 + STEPS) ** 2 * self.square
        return Linear(
            self.classes,
            self.weight * slope,
            self.bias + self.weight @ offset,
            size * slope.abs(),
            self.rest + size @ offset.abs() + square * offset.square().sum(),
            square * float(slope.square().amax()) if self.square else 0.0,
        )

    def projected(self, matrix: Tensor, offset: Tensor, origin: Tensor, dtype: torch.dtype) -> Linear:
        """The same of inputs that it is shown `x @ matrix.T + offset` of, computed in `dtype`.

        Args:
            matrix: `(features, inputs)` float64.
            offset: `(features,)` float64.
            origin: `(inputs,)` of which the offset is minus the projection, 0 where there is none: it may be larger.
        """
        share = 4 * sum_roundoff(max(matrix.shape), dtype)
        sizes = matrix.abs()
        size = self.weight.abs() * share + self.off * (1 + share)
        constant = sizes @ origin.abs() + offset.abs()
        square = 2 * (1 + share) ** 2 * self.square
        return Linear(
            self.classes,
            self.weight @ matrix,
            self.bias + self.weight @ offset,
            size @ sizes,
            self.rest + size @ constant + square * constant.square().sum(),
            square * float(sizes.square().sum()) if self.square else 0.0,
        )

    def spread(self, places: Tensor, features: int) -> Linear:
        """Some places may be there twice."""
        wide = self.weight.new_zeros(len(self.classes), features)
        weight, off = (wide.clone().index_add(1, places, part) for part in (self.weight, self.off))
        most = float(places.bincount(minlength=1).amax()) if len(places) else 0.0
        return Linear(self.classes, weight, self.bias, off, self.rest, self.square * most)

    def part(self, start: int, end: int) -> Linear:
        """What the features from `start` to `end` add to the scores, without the bias."""
        nothing = torch.zeros_like(self.bias)
        return Linear(self.classes, self.weight[:, start:end], nothing, self.off[:, start:end], nothing, self.square)

    @classmethod
    def constant(cls, score: float, features: int) -> Linear:
        """One class, whose score is always the same."""
        bias, weight = torch.tensor([score], dtype=DOUBLE), torch.zeros(1, features, dtype=DOUBLE)
        return cls((0,), weight, bias, weight, torch.zeros_like(bias))

    @classmethod
    def stacked(cls, parts: Sequence[Linear]) -> Linear:
        """The scores of several side by side, as many classes together."""
        fields = (torch.cat([getattr(part, name) for part in parts]) for name in ("weight", "bias", "off", "rest"))
        weight, bias, off, rest = fields
        return cls(tuple(range(len(weight))), weight, bias, off, rest, max(part.square for part in parts))

    def difference(self) -> Linear:
        """Of two classes the score of the second over the first, as one class."""
        fields = (self.weight[1:] - self.weight[:1], self.bias[1:] - self.bias[:1])
        return Linear((0,), *fields, self.off.sum(0, keepdim=True), self.rest.sum(0, keepdim=True), 2 * self.square)

    def shifted(self, bias: Tensor, rest: Tensor) -> Linear:
        """With more of a bias, and of what it may be off by."""
        return dataclasses.replace(self, bias=self.bias + bias, rest=self.rest + rest)

    def plus(self, other: Linear) -> Linear:
        """The sum of both scores."""
        return Linear(
            self.classes,
            self.weight + other.weight,
            self.bias + other.bias,
            self.off + other.off,
            self.rest + other.rest,
            self.square + other.square,
        )
