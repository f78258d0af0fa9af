"""Fast minimum-norm attack: Pintor, Roli, Brendel & Biggio 2021 (arXiv 2102.12827), algorithm 1.

Unlike there, the ball never shrinks before a first success, and reaches beyond the boundary of the model made linear
by the share that it changes by: else points come to a network's boundary from within, and never cross it.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.nearest import MinimumNorm, Nearest
from bench.attacks.shrinking import shrunk, unit
from bench.threats.base import per_example

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws

DUAL = {"linf": 1.0, "l2": 2.0, "l1": math.inf}
"""Of each norm, the one that a slope is measured in."""


class FMN(MinimumNorm):
    """Steps up the margin, projected onto a ball that shrinks where the point is a success and grows where it is none.

    Before a first success the ball reaches as far as the boundary would be if the model were linear. Steps and changes
    of the radius grow shorter along half a cosine.
    """

    name: ClassVar[str] = "fmn"
    title: ClassVar[str] = "FMN"
    norms: ClassVar[Collection[str]] = ("linf", "l2", "l1", "l0")
    summary: ClassVar[str] = "steps up the margin in a ball that shrinks at every success (fast minimum-norm)"

    steps: Annotated[int, Field(ge=1)] = 100
    """Steps, one gradient each."""
    step_size: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """L2 length of the first step, in widths of the range; the last is a hundredth of it."""
    gamma: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share by which the radius changes at first,"""
    gamma_final: Annotated[float, Field(gt=0, lt=1)] = 0.001
    """and at last."""

    def search(self, near: Nearest, draws: Draws) -> None:
        import torch

        rows = torch.arange(len(near.x), device=near.x.device)
        delta = torch.zeros_like(near.x)
        radius, room = torch.full_like(near.distance, torch.inf), near.room()
        if near.threat.norm == "l0":
            radius, room = torch.ones_like(radius), torch.full_like(radius, near.x[0].numel())
        points = near.x
        for step in range(self.steps):
            share = (1 + math.cos(math.pi * step / self.steps)) / 2
            seen = near.look(rows, points)
            gamma = self.gamma_final + (self.gamma - self.gamma_final) * share
            radius = self._resized(near, radius, delta, seen.lead, seen.gradient, seen.hit, gamma).minimum(room)
            size = per_example(near.unit * self.step_size * (0.01 + 0.99 * share), delta)
            delta = shrunk(near.threat.geometry, delta + size * unit(seen.gradient), radius)
            points = near.moved(rows, delta)
            delta = points - near.x
        near.ask(rows, points)

    def _resized(
        self, near: Nearest, radius: Tensor, delta: Tensor, lead: Tensor, slope: Tensor, hit: Tensor, gamma: float
    ) -> Tensor:
        """`(n,)` the next radii."""
        if near.threat.norm == "l0":
            less = (radius - 1).minimum((radius * (1 - gamma)).floor()).minimum(near.distance).clamp_min(1)
            return less.where(hit, (radius + 1).maximum((radius * (1 + gamma)).floor()))
        less = (radius * (1 - gamma)).minimum(near.distance)
        steep = slope.flatten(1).double().norm(p=DUAL[near.threat.norm or ""], dim=1)
        ahead = near.threat.geometry.lengths(delta.double().flatten(1)) + lead.double().abs() / steep.clamp_min(1e-12)
        ahead = ahead.where(radius.isinf(), ahead.maximum(radius))
        return less.where(hit, (1 + gamma) * radius.where(near.distance.isfinite(), ahead))
