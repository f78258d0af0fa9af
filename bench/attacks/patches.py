"""Squares of images, and runs of features of inputs that are none: where they lie and what they hold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


class Plane(NamedTuple):
    """How the features of an example lie side by side. One of height 1 is a line."""

    channels: int
    height: int
    width: int

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> Plane:
        """Of images `(C, H, W)` or `(H, W)`; whatever else there is has its features in a line."""
        if len(shape) == 3:
            return cls(*shape)
        return cls(1, *shape) if len(shape) == 2 else cls(1, 1, math.prod(shape))

    def sides(self, share: float, least: int = 1) -> tuple[int, int]:
        """Height and width of the patch that has a share of the features: a square, or a run where this is a line.

        Sides of at least 2 where `least` is more are made odd, as far as there is room.
        """
        lengthwise = min(self.height, self.width) == 1
        features = share * self.height * self.width
        side = max(least, round(features if lengthwise else math.sqrt(features)))
        if least > 1 and side % 2 == 0:
            side += 1
        if lengthwise:
            return min(side, self.height), min(side, self.width)
        return (min(side, self.height, self.width),) * 2

    def places(self, corner: Tensor, sides: tuple[int, int]) -> Tensor:
        """`(n, h w)` places, within a channel, of the features of patches.

        Args:
            corner: `(n, 2)` in [0, 1): from the first place that a patch may have to the last, both ways.
            sides: `(h, w)`.
        """
        free = corner.new_tensor([self.height - sides[0] + 1, self.width - sides[1] + 1])
        first = (corner * free).long()
        down = first[:, :1] + first.new_tensor(range(sides[0]))
        right = first[:, 1:] + first.new_tensor(range(sides[1]))
        return (down[:, :, None] * self.width + right[:, None]).flatten(1)


def bump(height: int, width: int) -> NDArray[np.float64]:
    """`(height, width)` of length 1: two pyramids of opposite sign, one above the other.

    Where it is one row they are side by side. Supplement B of Andriushchenko et al. 2020.
    """
    if height == 1 < width:
        return bump(width, 1).T
    both = np.concatenate([_pyramid(height // 2, width), -_pyramid(height - height // 2, width)])
    return np.asarray(both / np.linalg.norm(both))


def _pyramid(height: int, width: int) -> NDArray[np.float64]:
    """Of length 1; rings around the middle, the k-th higher by `1 / k^2` than the one outside it."""
    if height == 0:
        return np.zeros((0, width))
    down, right = np.abs(np.arange(height) - height // 2), np.abs(np.arange(width) - width // 2)
    ring = np.maximum(down[:, None], right)
    rise = 1.0 / np.arange(1, max(height, width) // 2 + 2) ** 2
    found = rise[::-1].cumsum()[::-1][ring]
    return np.asarray(found / np.linalg.norm(found))


def tilings(plane: Plane) -> list[NDArray[np.int64]]:
    """`(C H W,)` numbers of the block that each feature is in, for blocks of halves, quarters and so on each way.

    A block has all channels of its square, but for those of single features at the end.
    """
    lengthwise = min(plane.height, plane.width) == 1
    found, side = [], max(plane.height, plane.width)
    while side > 1:
        side = max(1, -(-side // (4 if lengthwise else 2)))
        down, right = np.arange(plane.height) // side, np.arange(plane.width) // side
        square = down[:, None] * (right[-1] + 1) + right
        found.append(np.tile(square.flatten(), plane.channels))
    if plane.channels > 1 or not found:
        found.append(np.arange(plane.channels * plane.height * plane.width))
    return found
