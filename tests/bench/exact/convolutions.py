"""Small convolutional networks of all kinds of strides and paddings."""

from __future__ import annotations

import torch

from adapters.structures import Network
from adapters.structures.layers import Affine, Convolution, Diagonal, Rectify


def convolution(
    seed: int, shape: tuple[int, int, int], out: int, kernel: tuple[int, int], **how: object
) -> Convolution:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(out, shape[0], *kernel, generator=generator, dtype=torch.float64) / 2
    fields = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1, **how}
    return Convolution(weight, torch.randn(out, generator=generator, dtype=torch.float64) / 3, shape=shape, **fields)  # type: ignore[arg-type]


def convolutional(seed: int) -> Network:
    """Three convolutions of all kinds of strides and paddings, two in a row, the last of which sees the whole image."""
    first = convolution(seed, (2, 9, 8), 3, (3, 2), stride=(2, 1), padding=(1, 2))
    second = convolution(seed + 1, first.image, 4, (2, 3), stride=(1, 2), padding=(1, 0))
    third = convolution(seed + 2, second.image, 2, (3, 3), padding=(1, 1), stride=(2, 2))
    scale = torch.linspace(0.5, 1.5, first.outputs, dtype=torch.float64)
    last = torch.randn(3, third.outputs, generator=torch.Generator().manual_seed(seed)).double()
    layers = (
        first,
        Diagonal(scale, 0.1 * scale, scale),
        Rectify(0.0, first.outputs),
        second,
        Rectify(0.1, second.outputs),
        third,
        Rectify(0.0, third.outputs),
        Affine(last, torch.zeros(3).double()),
    )
    return Network((0, 1, 2), layers, "", 2**-24)
