"""Directions and turns in a batch of vectors, differentiable wherever they are defined."""

from __future__ import annotations

import math

from torch import Tensor

_FLOOR = 1e-30
"""Added to squared lengths: a vector shorter than about 1e-15 counts as none, and no gradient is NaN."""


def length(x: Tensor) -> Tensor:
    """`(N, 1)` L2 norm of `(N, features)`."""
    return (x.square().sum(1, keepdim=True) + _FLOOR).sqrt()


def unit(x: Tensor) -> Tensor:
    """`(N, features)` scaled to L2 norm 1; zero stays zero."""
    return x / length(x)


def rotated(x: Tensor, towards: Tensor, angle: float) -> Tensor:
    """`(N, features)` turned by `angle`, in radians below pi / 2, in the plane of `x` and `towards`; lengths are kept.

    Where either is zero, `x` stays; where they are parallel, rounding chooses the plane.
    """
    along, ahead = unit(x), unit(towards)
    across = unit(ahead - (ahead * along).sum(1, keepdim=True) * along)
    turned = along + math.tan(angle) * across
    return length(x) * unit(turned)
