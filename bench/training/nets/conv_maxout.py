"""Convolutional maxout networks (Goodfellow et al., Maxout Networks, arXiv 1302.4389)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.training.nets.base import Net, limit_norm
from bench.training.nets.maxout import MaxoutLayer, top_layer


class ConvMaxoutLayer(nn.Module):
    """Each channel is the largest of `pieces` convolutions, then of a pooling window.

    `(N, inputs, H, W)` to `(N, channels, H', W')`, by kernels of height and width `kernel` over the input with `pad`
    zeros around it. Pooling windows are `stride` apart; the last may hang over the edge.
    """

    def __init__(
        self,
        inputs: int,
        spread: float,
        *,
        channels: int,
        pieces: int,
        kernel: int,
        pad: int = 0,
        pool: int = 1,
        stride: int = 1,
        max_norm: float | None = None,
    ) -> None:
        """Weights start uniform in [-spread, spread], biases at zero; no kernel exceeds the L2 norm `max_norm`."""
        super().__init__()
        self.weight = nn.Parameter(torch.empty(pieces, channels, inputs, kernel, kernel).uniform_(-spread, spread))
        self.bias = nn.Parameter(torch.zeros(pieces, channels))
        self.pad, self.pool, self.stride, self.max_norm = pad, pool, stride, max_norm

    def forward(self, x: Tensor) -> Tensor:
        pieces = F.conv2d(x, self.weight.flatten(0, 1), self.bias.flatten(), padding=self.pad)
        largest = pieces.view(len(x), *self.bias.shape, *pieces.shape[2:]).amax(1)
        return F.max_pool2d(largest, self.pool, self.stride, ceil_mode=True)

    def constrain(self) -> None:
        limit_norm(self.weight, self.max_norm, dim=(-3, -2, -1))


class ConvMaxout(Net):
    """Convolutional maxout layers with pooling, a fully connected maxout layer and a softmax on top.

    The CIFAR-10 net of arXiv 1302.4389, section 5.2: dropout of the input and before every further layer, and every
    incoming weight vector held inside a ball of its layer's own size. Inputs are flat and known to be images.
    """

    kind: ClassVar[str] = "conv-maxout"

    def __init__(
        self,
        features: int,
        classes: int,
        *,
        shape: Sequence[int],
        layers: Sequence[Mapping[str, Any]],
        units: int,
        pieces: int,
        spread: float,
        input_dropout: float = 0.0,
        hidden_dropout: float = 0.0,
        max_norm: float | None = None,
        top_max_norm: float | None = None,
    ) -> None:
        """For images of a `shape` of (channels, height, width), with `layers` as `ConvMaxoutLayer` takes them by name.

        `units`, `pieces` and `max_norm` are of the fully connected layer, `top_max_norm` of the softmax; all else is as
        in `Maxout`. Raises ValueError for a shape of other than `features`, and a layer given too small an image.
        """
        super().__init__()
        if math.prod(shape) != features:
            raise ValueError(f"images of shape {tuple(shape)} have {math.prod(shape)} features, not {features}")
        self.shape = tuple(shape)
        channels, *size = self.shape
        self.layers = nn.ModuleList()
        for entry in layers:
            layer = ConvMaxoutLayer(channels, spread, **entry)
            self.layers.append(layer)
            channels, size = layer.bias.shape[1], [_extent(extent, layer) for extent in size]
        self.dense = MaxoutLayer(channels * math.prod(size), units, pieces, spread)
        self.top = top_layer(units, classes, spread)
        self.input_dropout, self.hidden_dropout = input_dropout, hidden_dropout
        self.max_norm, self.top_max_norm = max_norm, top_max_norm

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(x, self.input_dropout, self.training).view(len(x), *self.shape)
        for layer in self.layers:
            x = F.dropout(layer(x), self.hidden_dropout, self.training)
        x = F.dropout(self.dense(x.flatten(1)), self.hidden_dropout, self.training)
        logits: Tensor = self.top(x)
        return logits

    def first_weights(self) -> Tensor:
        """`(pieces, channels, inputs, kernel, kernel)`."""
        return next(self.layers.parameters())

    def constrain(self) -> None:
        for layer in self.layers:
            assert isinstance(layer, ConvMaxoutLayer)
            layer.constrain()
        limit_norm(self.dense.weight, self.max_norm)
        limit_norm(self.top.weight, self.top_max_norm)


def _extent(extent: int, layer: ConvMaxoutLayer) -> int:
    """Height or width of what a layer makes of an image of that height or width."""
    convolved = extent + 2 * layer.pad - layer.weight.shape[-1] + 1
    if convolved < layer.pool:
        raise ValueError(f"a convolution over {extent} pixels leaves {convolved}, less than a pooling window")
    return math.ceil((convolved - layer.pool) / layer.stride) + 1
