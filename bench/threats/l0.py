"""The number of features that change, however much each does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.threats.base import SECOND, Geometry, per_example

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws


class L0(Geometry):
    """How many `d_i` are not zero; epsilon is that number. Its ball has no size, so steps are of the data's units."""

    name: ClassVar[str] = "l0"
    title: ClassVar[str] = "L0"

    def step(self, gradient: Tensor) -> Tensor:
        """Every feature by 1 to 2, the larger its gradient the more: `sized` keeps the first, the range cuts them."""
        largest = per_example(gradient.flatten(1).abs().amax(1).clamp_min(1e-38), gradient)
        return gradient.sign() * (1 + gradient.abs() / largest)

    def projected(self, delta: Tensor, eps: float) -> Tensor:
        """The largest changes; the first of those that are equal."""
        flat = delta.flatten(1)
        if int(eps) >= flat.shape[1]:
            return delta
        places = flat.abs().argsort(stable=True, dim=1, descending=True)[:, : int(eps)]
        return flat.new_zeros(flat.shape).scatter(1, places, flat.gather(1, places)).reshape(delta.shape)

    def checked(self, eps: float) -> float:
        if eps < 1 or not float(eps).is_integer():
            raise ValueError(f"eps {eps:g} of l0 is a number of features; give 1, 2, 3 ...")
        return eps

    def sized(self, direction: Tensor, eps: float) -> Tensor:
        """Any share of a feature is one."""
        return self.projected(direction, math.ceil(eps))

    def lengths(self, delta: Tensor) -> Tensor:
        return (delta != 0).sum(1).double().where(delta.isfinite().all(1), delta.abs().sum(1))

    def slack(self, x: Tensor, eps: float) -> Tensor:
        """A count has no rounding."""
        return x.new_zeros(len(x))

    def uniform(self, draws: Draws, shape: tuple[int, ...], draw: int) -> NDArray[np.float64]:
        return 2.0 * draws.uniform(shape, draw) - 1.0

    def extreme(self, draws: Draws, shape: tuple[int, ...], draw: int) -> NDArray[np.float64]:
        return np.asarray(draws.signs(shape, draw) * (1.0 + draws.uniform(shape, draw + SECOND)))
