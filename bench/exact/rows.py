"""Linear bounds carried backward through a network, from functions of one layer's inputs to functions of the network's.

A row is a lower bound `coefficients . z + constant` of a quantity of one example, z the inputs of some layer. Through
an affine layer it is carried exactly; through a bend by the line below where its coefficient is positive, by the line
above where it is negative (Zhang et al. 2018, theorem 3.2). An upper bound is that of minus the quantity, times -1.

Rows that begin at the outputs of a convolution depend on small windows of the image: of them the window alone is
kept, with its place, until it is as large as the image. Carried through a convolution it is a product with one matrix,
the same for all places.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.structures.layers import Affine, Convolution, Diagonal, Layer, Straight
from bench.exact.region import Region
from bench.exact.relaxed import Bend, Rectified


@dataclass(frozen=True)
class Window:
    """Where the coefficients of rows lie in an image, `(channels, height, width)` of them each."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    image: tuple[int, int, int]
    places: int
    """How many there are."""

    @property
    def size(self) -> int:
        return self.image[0] * self.kernel[0] * self.kernel[1]

    def cut(self, values: Tensor) -> Tensor:
        """`(N, places, size)` all windows of `(N, features)` images; 0 beyond the edge."""
        images = values.reshape(len(values), *self.image)
        return F.unfold(images, self.kernel, padding=self.padding, stride=self.stride).transpose(1, 2)

    def through(self, layer: Convolution) -> Window | None:
        """The window of the inputs of a convolution; None where it is no smaller than they are."""
        if layer.groups > 1 or layer.dilation != (1, 1):
            return None
        pairs = list(zip(self.kernel, self.stride, self.padding, layer.weight.shape[2:], layer.stride, layer.padding,
                         strict=True))  # fmt: skip
        high, wide = ((kernel - 1) * by + own for kernel, _, _, own, by, _ in pairs)
        down, across = (stride * by for _, stride, _, _, by, _ in pairs)
        top, left = (padding * by + pad for _, _, padding, _, by, pad in pairs)
        if high * wide >= layer.shape[1] * layer.shape[2]:
            return None
        image = (layer.shape[0], layer.shape[1], layer.shape[2])
        return Window((high, wide), (down, across), (top, left), image, self.places)

    @classmethod
    def of(cls, layer: Convolution) -> Window | None:
        """That of one output of a convolution."""
        channels, high, wide = layer.image
        return cls((1, 1), (1, 1), (0, 0), (channels, high, wide), high * wide).through(layer)


@dataclass(frozen=True)
class Rows:
    """`T` lower bounds, as functions of the inputs of a layer."""

    who: Tensor
    """`(T,)` int64 the example that each is of."""
    coefficients: Tensor
    """`(T, inputs)`, or `(T, window.size)`"""
    constant: Tensor
    """`(T,)`"""
    window: Window | None = None
    place: Tensor | None = None
    """`(T,)` int64 which window."""

    @classmethod
    def units(cls, layer: Layer, who: Tensor, unit: Tensor, sign: Tensor) -> Rows | None:
        """The outputs of a layer, times `(T,)` signs, as functions of its inputs; None for a layer that is a bend."""
        if isinstance(layer, Affine):
            return cls(who, sign[:, None] * layer.weight[unit], sign * layer.bias[unit])
        if isinstance(layer, Convolution) and (window := Window.of(layer)) is not None:
            channel, place = unit // window.places, unit % window.places
            rows = cls(who, sign[:, None] * layer.weight[channel].flatten(1), sign * layer.bias[channel], window, place)
            return rows._inside()
        if isinstance(layer, Straight):
            one = torch.zeros(len(who), layer.outputs, dtype=torch.float64)
            one[torch.arange(len(who)), unit] = sign
            return cls(who, layer.back(one), layer.offset(one))
        return None

    def through(self, layer: Straight) -> Rows:
        """As functions of the inputs of the affine layer before."""
        if self.window is None:
            return Rows(self.who, layer.back(self.coefficients), self.constant + layer.offset(self.coefficients))
        assert self.place is not None
        if isinstance(layer, Diagonal):
            slope, shift = (self.window.cut(each[None])[0][self.place] for each in (layer.slope, layer.shift))
            added = (self.coefficients * shift).sum(1)
            return Rows(self.who, self.coefficients * slope, self.constant + added, self.window, self.place)
        window = self.window.through(layer) if isinstance(layer, Convolution) else None
        if window is None or not isinstance(layer, Convolution):
            return self.whole().through(layer)
        shape = (layer.image[0], *self.window.kernel)
        back = F.conv_transpose2d(torch.eye(self.window.size, dtype=torch.float64).view(-1, *shape), layer.weight,
                                  None, layer.stride)  # fmt: skip
        added = self.coefficients.view(len(self.who), shape[0], -1).sum(2) @ layer.bias
        rows = self.coefficients @ back.flatten(1)
        return Rows(self.who, rows, self.constant + added, window, self.place)._inside()

    def bent(self, bend: Bend, cuts: dict[object, Tensor], lower: Tensor | None = None) -> Rows:
        """As functions of the inputs of the bend before.

        Args:
            bend: its lines.
            cuts: windows of them, which are kept here for other rows.
            lower: `(T, units)` other slopes below.
        """
        if self.window is None or not isinstance(bend, Rectified):
            rows = self.whole()
            coefficients, added = bend.back(rows.coefficients, self.who, lower)
            return Rows(self.who, coefficients, self.constant + added)
        key = (id(bend), self.window)
        if key not in cuts:
            cuts[key] = torch.stack([self.window.cut(each) for each in (bend.lower, bend.upper, bend.lift)])
        lower, upper, lift = cuts[key][:, self.who, self.place]
        coefficients, added = bend.between(self.coefficients, lower, upper, lift)
        return Rows(self.who, coefficients, self.constant + added, self.window, self.place)

    def least(self, region: Region, cuts: dict[object, Tensor]) -> Tensor:
        """`(T,)` lower bounds over a region, of rows of the network's inputs."""
        if self.window is None:
            return self.constant + region.least(self.coefficients, self.who)
        key = (id(region), self.window)
        if key not in cuts:
            cuts[key] = torch.stack([self.window.cut(each) for each in (region.middle, region.half, region.x)])
        middle, half, x = cuts[key][:, self.who, self.place]
        return self.constant + region.least_of(self.coefficients, middle, half, x, region.radius[self.who])

    def whole(self) -> Rows:
        """With a coefficient for every input."""
        if self.window is None:
            return self
        assert self.place is not None
        count = self.window.image[0] * self.window.image[1] * self.window.image[2]
        numbers = torch.arange(1, count + 1, dtype=torch.float64)[None]
        index = self.window.cut(numbers)[0].long()[self.place]  # 0 beyond the edge
        wide = torch.zeros(len(self.who), count + 1, dtype=torch.float64).scatter_add(1, index, self.coefficients)
        return Rows(self.who, wide[:, 1:].contiguous(), self.constant)

    def _inside(self) -> Rows:
        """Without coefficients beyond the edge of the image, where all is 0."""
        assert self.window is not None
        if self.window.padding == (0, 0):
            return self
        count = self.window.image[0] * self.window.image[1] * self.window.image[2]
        inside = self.window.cut(torch.ones(1, count, dtype=torch.float64))[0]
        assert self.place is not None
        return Rows(self.who, self.coefficients * inside[self.place], self.constant, self.window, self.place)
