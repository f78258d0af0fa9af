"""Convolutional maxout networks (Goodfellow et al., Maxout Networks, arXiv 1302.4389)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.training.nets.base import Net
from bench.training.nets.max_norm import limit_norm
from bench.training.nets.maxout import MaxoutLayer


class ConvMaxoutLayer(nn.Module):
    """Each channel is the largest of `pieces` convolutions, then of a pooling window.

    `(N, inputs, H, W)` to `(N, channels, H', W')`; the last windows of the pooling may hang over the edge.
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
        """
        Args:
            inputs: number of channels that come in.
            spread: initial weights are uniform in [-spread, spread]; initial biases are zero.
            channels: number of channels that go out.
            pieces: convolutions in a channel.
            kernel: height and width of a convolution.
            pad: rows and columns of zeros around the input.
            pool: height and width of a pooling window.
            stride: distance between pooling windows.
            max_norm: L2 norm that no kernel exceeds, or None for no limit.
        """
        super().__init__()
        self.weight = nn.Parameter(torch.empty(pieces, channels, inputs, kernel, kernel).uniform_(-spread, spread))
        self.bias = nn.Parameter(torch.zeros(pieces, channels))
        self.pad = pad
        self.pool = pool
        self.stride = stride
        self.max_norm = max_norm

    def forward(self, x: Tensor) -> Tensor:
        pieces = F.conv2d(x, self.weight.flatten(0, 1), self.bias.flatten(), padding=self.pad)
        largest = pieces.view(len(x), *self.bias.shape, *pieces.shape[2:]).amax(1)
        return F.max_pool2d(largest, self.pool, self.stride, ceil_mode=True)

    def constrain(self) -> None:
        if self.max_norm is not None:
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
        """
        Args:
            shape: (channels, height, width) of an image.
            layers: what `ConvMaxoutLayer` takes by name, for each convolutional layer.
            units: units of the fully connected layer.
            pieces: affine functions in one of them.
            spread: initial weights are uniform in [-spread, spread]; initial biases are zero.
            input_dropout: share of inputs set to zero in training.
            hidden_dropout: share of each hidden layer set to zero in training.
            max_norm: L2 norm that no incoming weight vector of the fully connected layer exceeds, None for no limit.
            top_max_norm: the same of the softmax layer.

        Raises:
            ValueError: the shape has another number of features, or a layer is given too small an image.
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
        self.top = nn.Linear(units, classes)
        nn.init.uniform_(self.top.weight, -spread, spread)
        nn.init.zeros_(self.top.bias)
        self.input_dropout = input_dropout
        self.hidden_dropout = hidden_dropout
        self.max_norm = max_norm
        self.top_max_norm = top_max_norm

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
        for weight, limit in ((self.dense.weight, self.max_norm), (self.top.weight, self.top_max_norm)):
            if limit is not None:
                limit_norm(weight, limit)


def _extent(extent: int, layer: ConvMaxoutLayer) -> int:
    """Height or width of what a layer makes of an image of that height or width."""
    convolved = extent + 2 * layer.pad - layer.weight.shape[-1] + 1
    if convolved < layer.pool:
        raise ValueError(f"a convolution over {extent} pixels leaves {convolved}, less than a pooling window")
    return math.ceil((convolved - layer.pool) / layer.stride) + 1
