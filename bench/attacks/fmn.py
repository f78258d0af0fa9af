"""Fast minimum-norm attack: Pintor, Roli, Brendel & Biggio 2021 (arXiv 2102.12827), algorithm 1.

Unlike there, the ball never shrinks before a first success, and reaches beyond the boundary of the model made linear
by the share that it changes by: else points come to a network's boundary from within, and never cross it. In L_inf a
step goes along the sign of the slope, in L2 changes are brought onto the sphere and not only into the ball, and in L0
the first ball is an eighth of what the model made linear needs: `one`, as in their code, comes too late where many
features have to change, and all of it spreads the first, long steps over too many where few do.

Checked against adversarial-library 0.2.8 on the net of Wong & Kolter 2018, 200 MNIST images, 100 gradients each. Median
distances, theirs in brackets: L_inf .161 (.518), L2 2.04 (2.34), L1 12.3 (14.1), L0 27 (50; `first: linear`). Beside
foolbox 3.3.4 in L0, mean of 96 images of the reference maxout net: an eighth 9.10, linear 9.48, one 9.07 (9.19); median
of 98 of the net of Wong & Kolter: 26.5, 26.5, 45 (45). More in `docs/peers.md`.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from bench.attacks.nearest import Look, MinimumNorm, Nearest
from bench.attacks.shrinking import shrunk, unit
from bench.threats.base import per_example

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws

SIGNS = 0.3
"""Of a step in L_inf, what each feature goes: as in L2 of some ten features."""
FAR = 1e6
"""Largest radius that changes are brought to."""
DUAL = {"linf": 1.0, "l2": 2.0, "l1": math.inf}
"""Of each norm, the one that a slope is measured in."""


class FMN(MinimumNorm):
    """Steps up the margin, projected onto a ball that shrinks where the point is a success and grows where it is none.

    Before a first success the ball reaches as far as the boundary would be if the model were linear. Steps and changes
    of the radius grow shorter along half a cosine.
    """

    name: ClassVar[str] = "fmn"
    revision: ClassVar[int] = 2
    title: ClassVar[str] = "FMN"
    norms: ClassVar[Collection[str]] = ("linf", "l2", "l1", "l0")
    summary: ClassVar[str] = "steps up the margin in a ball that shrinks at every success (fast minimum-norm)"

    steps: Annotated[int, Field(ge=1)] = 100
    """Steps, one gradient each."""
    step_size: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Length of the first step, in widths of the range; the last is a hundredth of it."""
    gamma: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share by which the radius changes at first,"""
    gamma_final: Annotated[float, Field(gt=0, lt=1)] = 0.001
    """and at last."""
    first: Literal["eighth", "linear", "one"] = "eighth"
    """Features of the first ball in L0: an eighth of what the model made linear needs, all of it, or one."""

    def search(self, near: Nearest, draws: Draws) -> None:
        import torch

        rows = torch.arange(len(near.x), device=near.x.device)
        delta = torch.zeros_like(near.x)
        radius, room = torch.full_like(near.distance, torch.inf), near.room()
        if near.threat.norm == "l0":
            room = torch.full_like(radius, near.x[0].numel())
        points = near.x
        for step in range(self.steps):
            share = (1 + math.cos(math.pi * step / self.steps)) / 2
            seen = near.look(rows, points)
            gamma = self.gamma_final + (self.gamma - self.gamma_final) * share
            radius = self._resized(near, radius, delta, seen, gamma).minimum(room)
            size = per_example(near.unit * self.step_size * (0.01 + 0.99 * share), delta)
            points = near.moved(rows, self._held(near, delta + size * self._way(near, seen.gradient), radius))
            delta = points - near.x
        near.ask(rows, points)

    def _way(self, near: Nearest, slope: Tensor) -> Tensor:
        """`(n, *shape)` what a step of size 1 goes."""
        return SIGNS * slope.sign() if near.threat.norm == "linf" else unit(slope)

    def _held(self, near: Nearest, delta: Tensor, radius: Tensor) -> Tensor:
        """`(n, *shape)` changes brought to the radius: in L2 onto the sphere, else into the ball."""
        if near.threat.norm == "l2":
            return per_example(radius.clamp_max(FAR).to(delta.dtype), delta) * unit(delta)
        return shrunk(near.threat.geometry, delta, radius)

    def _resized(self, near: Nearest, radius: Tensor, delta: Tensor, seen: Look, gamma: float) -> Tensor:
        """`(n,)` the next radii. They grow by the first share until there is a success."""
        import torch

        norm, lead, found = near.threat.norm or "", seen.lead.double().abs(), near.distance.isfinite()
        grown = radius * torch.where(found, 1 + gamma, 1 + self.gamma)
        if norm == "l0":
            less = (radius - 1).minimum((radius * (1 - gamma)).floor()).minimum(near.distance).clamp_min(1)
            more = (radius + 1).maximum(grown.floor())
            begun = torch.ones_like(radius) if self.first == "one" else _features(near, seen.gradient, lead)
            begun = (begun / 8).floor().clamp_min(1) if self.first == "eighth" else begun
            return less.where(seen.hit, begun.where(radius.isinf(), more))
        steep = seen.gradient.flatten(1).double().norm(p=DUAL[norm], dim=1).clamp_min(1e-12)
        ahead = (1 + self.gamma) * (near.threat.geometry.lengths(delta.double().flatten(1)) + lead / steep)
        more = grown.where(found, ahead.where(radius.isinf(), ahead.maximum(grown)))
        return (radius * (1 - gamma)).minimum(near.distance).where(seen.hit, more)


def _features(near: Nearest, slope: Tensor, lead: Tensor) -> Tensor:
    """`(n,)` how many features have to change if the model is linear, each as far as it has room."""
    flat, points = slope.flatten(1).double(), near.x.flatten(1).double()
    room = near.unit.double()[:, None].expand_as(flat)
    if near.threat.clip is not None:
        room = (near.threat.clip[1] - points).where(flat > 0, points - near.threat.clip[0])
    gains = (flat.abs() * room).sort(dim=1, descending=True).values.cumsum(1)
    return ((gains < lead[:, None]).sum(1) + 1.0).double()
