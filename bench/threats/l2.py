"""The Euclidean length of the whole change."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.threats.base import SECOND, Geometry, per_example

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws


class L2(Geometry):
    """`sqrt(sum d_i^2)`."""

    name: ClassVar[str] = "l2"
    title: ClassVar[str] = "L2"

    def step(self, gradient: Tensor) -> Tensor:
        lengths: Tensor = gradient.flatten(1).double().norm(dim=1).clamp_min(1e-300)
        unit: Tensor = gradient.double() / per_example(lengths, gradient)
        return unit.to(gradient.dtype)

    def projected(self, delta: Tensor, eps: float) -> Tensor:
        lengths: Tensor = delta.flatten(1).norm(dim=1).clamp_min(1e-12)
        shrink: Tensor = (eps / lengths).clamp_max(1.0)
        return delta * per_example(shrink, delta)

    def lengths(self, delta: Tensor) -> Tensor:
        found: Tensor = delta.norm(dim=1)
        return found

    def uniform(self, draws: Draws, shape: tuple[int, ...], draw: int) -> NDArray[np.float64]:
        """A normal direction, at a distance whose power of the dimension is uniform."""
        normal = draws.normal(shape, draw)
        flat = normal.reshape(len(normal), -1)
        radius = draws.uniform((1,), draw + SECOND) ** (1 / flat.shape[1])
        return np.asarray(flat * radius / np.linalg.norm(flat, axis=1, keepdims=True)).reshape(normal.shape)

    def extreme(self, draws: Draws, shape: tuple[int, ...], draw: int) -> NDArray[np.float64]:
        """Random signs, of length 1 together."""
        return np.asarray(draws.signs(shape, draw) / np.sqrt(np.prod(shape)))
