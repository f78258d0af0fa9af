"""Layers that are affine maps: each maps `(N, inputs)` to `(N, outputs)`, images flat, channels first.

Errors of at most e in the inputs become errors of at most `spread(e)` in the outputs.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor
from torch.nn import functional as F

MOST = 2**26
"""Values between two layers, at most."""
DOUBLE = torch.float64


def _finite(**fields: Tensor) -> None:
    for name, value in fields.items():
        if value.dtype != DOUBLE or not bool(value.isfinite().all()):
            raise ValueError(f"a layer's {name} is not of finite float64 numbers")


def indices(name: str, value: Tensor, limit: int) -> None:
    if value.dtype != torch.int64 or not bool(((value >= 0) & (value < limit)).all()):
        raise ValueError(f"a layer's {name} are not indices of its inputs")


@dataclasses.dataclass(frozen=True)
class Affine:
    """`x @ weight.T + bias`"""

    weight: Tensor
    """`(outputs, inputs)` float64."""
    bias: Tensor
    """`(outputs,)` float64."""

    def __post_init__(self) -> None:
        _finite(weight=self.weight, bias=self.bias)
        if self.weight.ndim != 2 or self.bias.shape != self.weight.shape[:1]:
            raise ValueError("a layer's weight and bias do not fit each other")

    @property
    def inputs(self) -> int:
        return self.weight.shape[1]

    @property
    def outputs(self) -> int:
        return self.weight.shape[0]

    @property
    def terms(self) -> int:
        """Products that an output is the sum of."""
        return self.inputs

    def __call__(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)

    def linear(self, x: Tensor) -> Tensor:
        return x @ self.weight.T

    def sizes(self, x: Tensor) -> Tensor:
        """The sum of the sizes of all terms, of inputs of sizes `x`."""
        return F.linear(x, self.weight.abs(), self.bias.abs())

    def spread(self, error: Tensor) -> Tensor:
        """By the sizes of the weights, or by their lengths, whichever is less."""
        by_length = error.norm(dim=1, keepdim=True) * self.weight.norm(dim=1)
        return torch.minimum(self.reach(error), by_length)

    def reach(self, half: Tensor) -> Tensor:
        """How far an output moves at most while each input moves by at most `half`."""
        return half @ self.weight.abs().T

    def back(self, rows: Tensor) -> Tensor:
        """`(T, inputs)` coefficients of the inputs, of `(T, outputs)` ones of the outputs."""
        return rows @ self.weight

    def offset(self, rows: Tensor) -> Tensor:
        """`(T,)` what is added to them."""
        return rows @ self.bias


@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution of images, as `torch.nn.functional.conv2d`."""

    weight: Tensor
    """`(channels out, channels in / groups, height, width)` float64."""
    bias: Tensor
    """`(channels out,)` float64."""
    stride: tuple[int, ...]
    """Down and across, as the next two."""
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int
    shape: tuple[int, ...]
    """(channels, height, width) of the images that come in."""

    def __post_init__(self) -> None:
        _finite(weight=self.weight, bias=self.bias)
        pairs = (self.stride, self.padding, self.dilation)
        if self.weight.ndim != 4 or len(self.shape) != 3 or any(len(pair) != 2 for pair in pairs):
            raise ValueError("a convolution is not one of images")
        out, into, *kernel = self.weight.shape
        fits = self.groups >= 1 and self.shape[0] == into * self.groups and out % self.groups == 0
        if not fits or self.bias.shape != (out,) or min(*self.stride, *self.dilation, *kernel, *self.shape) < 1:
            raise ValueError("a convolution's fields do not fit each other")
        if min(self.padding) < 0 or min(self.image[1:]) < 1 or self.outputs > MOST or self.inputs > MOST:
            raise ValueError("a convolution's images are empty, or too large")

    @property
    def image(self) -> tuple[int, int, int]:
        """(channels, height, width) of the images that go out."""
        across = zip(self.shape[1:], self.weight.shape[2:], self.stride, self.padding, self.dilation, strict=True)
        high, wide = ((side + 2 * pad - step * (kernel - 1) - 1) // stride + 1
                      for side, kernel, stride, pad, step in across)  # fmt: skip
        return self.weight.shape[0], high, wide

    @property
    def inputs(self) -> int:
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def outputs(self) -> int:
        channels, high, wide = self.image
        return channels * high * wide

    @property
    def terms(self) -> int:
        return self.weight[0].numel()

    def _made(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        images = x.reshape(len(x), *self.shape)
        return F.conv2d(images, weight, bias, self.stride, self.padding, self.dilation, self.groups).flatten(1)

    def __call__(self, x: Tensor) -> Tensor:
        return self._made(x, self.weight, self.bias)

    def linear(self, x: Tensor) -> Tensor:
        return self._made(x, self.weight, None)

    def sizes(self, x: Tensor) -> Tensor:
        return self._made(x, self.weight.abs(), self.bias.abs())

    def spread(self, error: Tensor) -> Tensor:
        return self._made(error, self.weight.abs(), None)

    reach = spread

    def back(self, rows: Tensor) -> Tensor:
        _, high, wide = self.image
        ends = zip(self.shape[1:], (high, wide), self.weight.shape[2:], self.stride, self.padding, self.dilation,
                   strict=True)  # fmt: skip
        over = [side - ((many - 1) * stride - 2 * pad + step * (kernel - 1) + 1)
                for side, many, kernel, stride, pad, step in ends]  # fmt: skip
        images = rows.reshape(len(rows), *self.image)
        # What a stride leaves over at the far edge has no output, hence the coefficient 0.
        back = F.conv_transpose2d(
            images, self.weight, None, self.stride, self.padding, [max(0, extra) for extra in over],
            self.groups, self.dilation,
        )  # fmt: skip
        return back.flatten(1)

    def offset(self, rows: Tensor) -> Tensor:
        return rows.reshape(len(rows), len(self.bias), -1).sum(2) @ self.bias


@dataclasses.dataclass(frozen=True)
class Diagonal:
    """`slope * x + offset`, feature by feature: a scaling, or a normalisation by fixed statistics."""

    slope: Tensor
    """`(features,)` float64."""
    shift: Tensor
    """`(features,)` float64."""
    size: Tensor
    """`(features,)` float64 sizes of what the shift was put together of: it may be larger."""

    def __post_init__(self) -> None:
        _finite(slope=self.slope, shift=self.shift, size=self.size)
        if self.slope.ndim != 1 or not (self.slope.shape == self.shift.shape == self.size.shape):
            raise ValueError("a scaling's fields do not fit each other")

    @property
    def inputs(self) -> int:
        return len(self.slope)

    @property
    def outputs(self) -> int:
        return len(self.slope)

    terms = 8

    def __call__(self, x: Tensor) -> Tensor:
        return x * self.slope + self.shift

    def linear(self, x: Tensor) -> Tensor:
        return x * self.slope

    def sizes(self, x: Tensor) -> Tensor:
        return x * self.slope.abs() + torch.maximum(self.size, self.shift.abs())

    def spread(self, error: Tensor) -> Tensor:
        return error * self.slope.abs()

    reach = spread

    def back(self, rows: Tensor) -> Tensor:
        return rows * self.slope

    def offset(self, rows: Tensor) -> Tensor:
        return rows @ self.shift


@dataclasses.dataclass(frozen=True)
class Select:
    """`x[:, places]`"""

    places: Tensor
    """`(outputs,)` int64."""
    inputs: int

    terms = 0

    def __post_init__(self) -> None:
        if not 0 < self.inputs <= MOST or self.places.ndim != 1:
            raise ValueError("a choice of features is of none")
        indices("places", self.places, self.inputs)

    @property
    def outputs(self) -> int:
        return len(self.places)

    def __call__(self, x: Tensor) -> Tensor:
        return x[:, self.places]

    linear = sizes = spread = reach = __call__

    def back(self, rows: Tensor) -> Tensor:
        return rows.new_zeros(len(rows), self.inputs).index_add(1, self.places, rows)

    def offset(self, rows: Tensor) -> Tensor:
        return rows.new_zeros(len(rows))


Straight = Affine | Convolution | Diagonal | Select
"""Layers that are affine maps."""
