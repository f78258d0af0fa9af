"""The largest change of any feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.threats.base import ULP, Geometry

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws


class LInf(Geometry):
    """`max |d_i|`: the threat of Goodfellow, Shlens & Szegedy 2015."""

    name: ClassVar[str] = "linf"
    title: ClassVar[str] = "L_inf"

    def step(self, gradient: Tensor) -> Tensor:
        return gradient.sign()

    def projected(self, delta: Tensor, eps: float | Tensor) -> Tensor:
        """As the base; `eps` may be a size for each feature."""
        return delta.clamp(-eps, eps)  # type: ignore[arg-type]  # torch takes either

    def lengths(self, delta: Tensor) -> Tensor:
        return delta.abs().amax(1)

    def violation(self, delta: Tensor, x: Tensor, eps: float) -> Tensor:
        """Two ulp of float32 at |x| + eps, feature by feature: a pixel of 0 gets no slack from one of 255."""
        return delta.abs().sub_(x.flatten(1).abs(), alpha=2 * ULP).amax(1) - eps * (1 + 2 * ULP)

    def beyond(self, x: Tensor) -> tuple[float, Tensor]:
        return 2 * ULP, 2 * ULP * x.double().flatten(1).abs().amax(1)

    def uniform(self, draws: Draws, shape: tuple[int, ...], draw: int) -> NDArray[np.float64]:
        return 2.0 * draws.uniform(shape, draw) - 1.0

    def extreme(self, draws: Draws, shape: tuple[int, ...], draw: int) -> NDArray[np.float64]:
        """-1 or +1 on every feature."""
        return draws.signs(shape, draw)
