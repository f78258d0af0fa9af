"""Decoupled direction and norm: Rony et al. 2019 (arXiv 1811.09600), algorithm 1.

Unlike there, candidates are not rounded to 256 levels: epsilon is of the range, not of a file format.

Checked against adversarial-library 0.2.8 on the net of Wong & Kolter 2018, 200 MNIST images, 100 gradients each: median
distance 2.447 (2.455), no example farther.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from bench.attacks.nearest import MinimumNorm, Nearest
from bench.attacks.shrinking import unit
from bench.threats.base import per_example

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws


class DDN(MinimumNorm):
    """Steps up the cross-entropy; after each the change is brought to a length that shrinks at a success, else grows.

    Where the slope is zero, as that of saturated logits is, a step goes in a random direction.
    """

    name: ClassVar[str] = "ddn"
    title: ClassVar[str] = "DDN"
    norms: ClassVar[Collection[str]] = ("l2",)
    summary: ClassVar[str] = "steps whose length is set apart from their direction (decoupled direction and norm)"

    loss: Literal["cross_entropy", "margin"] = "cross_entropy"
    """The loss to climb: of the logits."""
    steps: Annotated[int, Field(ge=1)] = 100
    """Steps, one gradient each."""
    first: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """L2 length of the change at first, in widths of the range."""
    gamma: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share by which it changes."""

    def search(self, near: Nearest, draws: Draws) -> None:
        import torch

        rows = torch.arange(len(near.x), device=near.x.device)
        value = near.entropy if self.loss == "cross_entropy" else near.lead
        points, delta = near.x, torch.zeros_like(near.x)
        length, room = near.unit.double() * self.first, near.room()
        for step in range(self.steps):
            seen = near.look(rows, points, value)
            way = self._way(seen.gradient, draws, step)
            share = (1 + math.cos(math.pi * step / self.steps)) / 2
            delta = delta + per_example(near.unit * (0.01 + 0.99 * share), delta) * way
            length = (length * torch.where(seen.hit, 1 - self.gamma, 1 + self.gamma)).minimum(room)
            points = near.moved(rows, per_example(length.to(delta.dtype), delta) * unit(delta))
            delta = points - near.x
        near.ask(rows, points)

    def _way(self, slope: Tensor, draws: Draws, step: int) -> Tensor:
        """`(n, *shape)` directions of length 1."""
        flat = (slope == 0).flatten(1).all(1)
        if flat.any():
            drawn = draws.only(flat.nonzero()[:, 0].cpu().numpy()).normal(tuple(slope.shape[1:]), step)
            slope = slope.clone()
            slope[flat] = slope.new_tensor(drawn)
        return unit(slope)
