"""The sum of all changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.threats.base import SECOND, Geometry

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws


class L1(Geometry):
    """`sum |d_i|`."""

    name: ClassVar[str] = "l1"
    title: ClassVar[str] = "L1"

    def step(self, gradient: Tensor) -> Tensor:
        """All of it on the feature whose gradient is largest: the first of them where several are."""
        flat = gradient.flatten(1)
        place = flat.abs().argmax(1, keepdim=True)
        return flat.new_zeros(flat.shape).scatter(1, place, flat.gather(1, place).sign()).reshape(gradient.shape)

    def projected(self, delta: Tensor, eps: float) -> Tensor:
        """Every feature shrunk by one threshold (Duchi et al. 2008, figure 1)."""
        import torch

        sizes = delta.flatten(1).double().abs()
        ordered = sizes.sort(1, descending=True).values
        ranks = torch.arange(1, ordered.shape[1] + 1, device=delta.device, dtype=ordered.dtype)
        thresholds = (ordered.cumsum(1) - eps) / ranks
        last = (ordered > thresholds).sum(1, keepdim=True).clamp_min(1) - 1
        shrink = thresholds.gather(1, last).where(sizes.sum(1, keepdim=True) > eps, torch.zeros_like(sizes[:, :1]))
        kept = (sizes - shrink).clamp_min(0).reshape(delta.shape).to(delta.dtype)
        return kept * delta.sign()

    def lengths(self, delta: Tensor) -> Tensor:
        return delta.abs().sum(1)

    def uniform(self, draws: Draws, shape: tuple[int, ...], draw: int) -> NDArray[np.float64]:
        """Two-sided exponential numbers, divided by their sum and one more (Barthe et al. 2005)."""
        centred = draws.uniform(shape, draw) - 0.5
        values = -np.sign(centred) * np.log1p(-2 * np.abs(centred))
        flat = values.reshape(len(values), -1)
        rest = -np.log(draws.uniform((1,), draw + SECOND))
        return np.asarray(flat / (np.abs(flat).sum(1, keepdims=True) + rest)).reshape(values.shape)

    def extreme(self, draws: Draws, shape: tuple[int, ...], draw: int) -> NDArray[np.float64]:
        """One feature, all of it."""
        width = int(np.prod(shape))
        place = np.floor(draws.uniform((), draw) * width).astype(np.int64)
        values = np.zeros((len(place), width))
        values[np.arange(len(place)), place] = draws.signs((), draw + SECOND)
        return values.reshape(-1, *shape)
