"""Feed-forward networks of affine maps, rectifiers and maxima."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from adapters.rounding import sum_roundoff
from adapters.structures.base import Structure
from adapters.structures.layers import Affine, Largest, Layer, Rectify

DOUBLE = torch.float64
AT_A_TIME = 256
"""Examples: the values between layers of so many are held at once."""
LEAST = 1e-30
"""Added to each bound on rounding: numbers below float32's are lost altogether."""
SURE = -80.0
"""A sigmoid of a score above that is no number too small for float32."""
ENDS = ("", "softmax", "log-softmax", "sigmoid", "sigmoid-of-one")
"""What the network's outputs are of the scores. It keeps their order, but may round two of them to one number."""


@dataclasses.dataclass(frozen=True)
class Network(Structure):
    """The scores come out of the last of its layers; of a network of one output they are 0 and that."""

    kind: ClassVar[str] = "network"

    layers: tuple[Layer, ...]
    end: str
    """One of `ENDS`."""
    unit: float
    """Largest relative error of an operation: half the spacing of the numbers that it computes in."""

    def __post_init__(self) -> None:
        """Raise ValueError unless the layers fit each other. They may come from a stranger's process."""
        super().__post_init__()
        if not self.layers or self.layers[-1].outputs != len(self.classes):
            raise ValueError("its last layer has another number of outputs than there are classes")
        if any(layer.outputs != after.inputs for layer, after in pairwise(self.layers)):
            raise ValueError("a layer has another number of outputs than the next has inputs")
        if self.end not in ENDS or not 2**-53 <= self.unit <= 2**-24:
            raise ValueError("it ends in nothing known, or computes in a precision that is not")

    @property
    def inputs(self) -> int:
        return self.layers[0].inputs

    def scores(self, x: Tensor) -> Tensor:
        return self._by_parts(x, lambda values: values[-1])

    def roundoff(self, x: Tensor) -> Tensor:
        def most(values: list[Tensor]) -> Tensor:
            errors = self.errors([(value, value) for value in values[:-1]])
            return 2 * errors.amax(1) + self.blur(values[-1], values[-1])

        return self._by_parts(x, most)

    def _by_parts(self, x: Tensor, of: Callable[[list[Tensor]], Tensor]) -> Tensor:
        parts = torch.split(x.flatten(1), AT_A_TIME) if len(x) else [x.flatten(1)]
        return torch.cat([of(self.values(part.to(DOUBLE))) for part in parts])

    def values(self, x: Tensor) -> list[Tensor]:
        """`(N, inputs)` float64 inputs, and what each layer makes of them."""
        found = [x]
        for layer in self.layers:
            found.append(layer(found[-1]))
        return found

    def errors(self, bounds: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        """`(N, K)` how far each score of the model's may be from this one's.

        A layer adds up products in whatever order: its sums are off by at most gamma_n times the sum of their sizes
        (`sum_roundoff`), n the number of products that are not 0, and errors that came in go out no larger than
        `spread` says; where a unit is off in both, there is none. This holds of sums, not of the fast convolutions that
        go through a transform (Winograd's, Fourier's); torch takes none of those on a CPU.

        Args:
            bounds: for each layer `(N, inputs)` lowest and highest inputs in exact arithmetic.
        """
        error = torch.zeros_like(bounds[0][0])
        for layer, (low, high) in zip(self.layers, bounds, strict=True):
            size = torch.maximum(low.abs(), high.abs())
            if isinstance(layer, Rectify):
                share = sum_roundoff(1, DOUBLE) + self._share(1) if layer.slope else 0.0
                off = (high + error <= 0) & (layer.slope == 0)
                error = (error + share * layer.sizes(size + error)).masked_fill(off, 0)
            elif layer.terms:
                fresh = layer.sizes(size + error)
                error = layer.spread(error) + self._shares(layer, size + error) * fresh + LEAST
            else:
                error = layer.spread(error)
        return error

    def _shares(self, layer: Layer, size: Tensor) -> Tensor:
        """`(N, 1)` relative errors of sums of a layer's products, in the model's arithmetic and in this one's."""
        terms = torch.full_like(size[:, :1], layer.terms)
        if isinstance(layer, Affine):
            terms = (size > 0).sum(1, keepdim=True)
        return torch.tensor([[self._share(int(n)) + sum_roundoff(int(n), DOUBLE)] for n in terms[:, 0]], dtype=DOUBLE)

    def _share(self, terms: int) -> float:
        return sum_roundoff(terms, torch.float32 if self.unit > 2**-30 else DOUBLE)

    def blur(self, low: Tensor, high: Tensor) -> Tensor:
        """`(N,)` how far apart two scores may be and what the network gives of them still be the same number.

        Of `softmax` and `sigmoid` a relative error of 4 units is allowed for, which is more than torch's vectorised
        exponential and NumPy's make, and for the sum of exponentials that all scores share, none.

        Args:
            low: `(N, K)` scores at least.
            high: `(N, K)` scores at most.
        """
        eps, top = 2 * self.unit, high.amax(1).clamp_min(0)
        if self.end == "log-softmax":
            reach = torch.maximum(low.abs(), high.abs()).amax(1)
            return 8 * eps * (2 * reach + math.log(len(self.classes)) + 1)
        if self.end == "sigmoid":
            # sigmoid(b) / sigmoid(a) = 1 - sigmoid(-b) (1 - exp(b - a)) for a > b
            apart = 32 * eps * (1 + top.exp())
            return apart.where((apart < 1) & (low.amax(1) > SURE), torch.inf)
        return torch.full_like(top, 32 * eps if self.end else 0.0)

    def bends(self) -> bool:
        """Whether any of its layers is no affine map."""
        return any(isinstance(layer, (Rectify, Largest)) for layer in self.layers)
