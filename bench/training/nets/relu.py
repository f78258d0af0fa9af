"""Plain ReLU networks, such as others published weights of: a chain of layers from the flat input to the logits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn

from bench.training.nets.base import Net


class Chain(Net):
    """Its children, one after another in the order in which they were added: nothing else decides its logits."""

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = layer(x)
        return x


class ReLUNet(Chain):
    """Fully connected layers `fc1`, `fc2`, ... with ReLU between."""

    kind: ClassVar[str] = "relu-net"

    def __init__(self, features: int, classes: int, *, units: Sequence[int]) -> None:
        """With hidden layers of so many `units`."""
        super().__init__()
        _connected(self, [features, *units, classes])


class ConvReLUNet(Chain):
    """Convolutions `conv1`, `conv2`, ..., each with ReLU, then fully connected layers as in `ReLUNet`."""

    kind: ClassVar[str] = "conv-relu-net"

    def __init__(
        self,
        features: int,
        classes: int,
        *,
        shape: Sequence[int],
        convolutions: Sequence[Mapping[str, int]],
        units: Sequence[int],
    ) -> None:
        """For images of a `shape` of (channels, height, width).

        `convolutions` name `channels`, `kernel`, `stride` and `padding`. Raises ValueError for a shape of other than
        `features`.
        """
        super().__init__()
        if math.prod(shape) != features:
            raise ValueError(f"images of shape {tuple(shape)} have {math.prod(shape)} features, not {features}")
        channels, *size = shape
        self.add_module("image", nn.Unflatten(1, tuple(shape)))
        for number, layer in enumerate(convolutions, 1):
            kernel, stride, padding = layer["kernel"], layer["stride"], layer["padding"]
            made = nn.Conv2d(channels, layer["channels"], kernel, stride=stride, padding=padding)
            self.add_module(f"conv{number}", made)
            self.add_module(f"conv{number}_relu", nn.ReLU())
            channels, size = layer["channels"], [(side + 2 * padding - kernel) // stride + 1 for side in size]
        self.add_module("flat", nn.Flatten())
        _connected(self, [channels * math.prod(size), *units, classes])


def _connected(net: nn.Module, sizes: Sequence[int]) -> None:
    for number, (inputs, outputs) in enumerate(pairwise(sizes), 1):
        net.add_module(f"fc{number}", nn.Linear(inputs, outputs))
        if number < len(sizes) - 1:
            net.add_module(f"fc{number}_relu", nn.ReLU())
