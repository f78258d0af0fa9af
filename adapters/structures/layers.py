"""What feed-forward networks are made of: affine maps (`adapters.structures.straight`), rectifiers and maxima.

Each layer maps `(N, inputs)` to `(N, outputs)`, and errors of at most e in the inputs to errors of at most `spread(e)`
in the outputs.
"""

from __future__ import annotations

import dataclasses

from torch import Tensor, maximum

from adapters.structures.straight import MOST, Affine, Convolution, Diagonal, Select, Straight, indices

__all__ = ["Affine", "Convolution", "Diagonal", "Largest", "Layer", "Rectify", "Select", "Straight"]


@dataclasses.dataclass(frozen=True)
class Rectify:
    """`max(x, slope x)`: ReLU with slope 0, leaky with more."""

    slope: float
    """From 0 to 1."""
    inputs: int

    terms = 1

    def __post_init__(self) -> None:
        if not 0 <= self.slope <= 1 or not 0 < self.inputs <= MOST:
            raise ValueError("a rectifier's slope is not between 0 and 1, or it has no inputs")

    @property
    def outputs(self) -> int:
        return self.inputs

    def __call__(self, x: Tensor) -> Tensor:
        return maximum(x, self.slope * x)

    def sizes(self, x: Tensor) -> Tensor:
        """Of what is rounded: a product, if it is leaky."""
        return self.slope * x

    def spread(self, error: Tensor) -> Tensor:
        return error


@dataclasses.dataclass(frozen=True)
class Largest:
    """The largest of each group of inputs: maxout, and pooling. A group may name an input twice."""

    members: Tensor
    """`(outputs, pieces)` int64."""
    inputs: int

    terms = 0

    def __post_init__(self) -> None:
        if not 0 < self.inputs <= MOST or self.members.ndim != 2 or not self.members.shape[1]:
            raise ValueError("a group to take the largest of is empty")
        indices("members", self.members, self.inputs)

    @property
    def outputs(self) -> int:
        return len(self.members)

    def __call__(self, x: Tensor) -> Tensor:
        return x[:, self.members].amax(2)

    def sizes(self, x: Tensor) -> Tensor:
        return x.new_zeros(1, 1)

    def spread(self, error: Tensor) -> Tensor:
        return error[:, self.members].amax(2)


Layer = Affine | Convolution | Diagonal | Select | Rectify | Largest
