"""Carlini & Wagner 2017 (arXiv 1608.04644), section VI A: their attack in L2, with the constants of their code.

Unlike there an example leaves a run when the lowest loss of its own has stalled, whatever the others of its batch do,
and a run has 1,000 steps at most and not 10,000.

Checked against adversarial-library 0.2.8 on a net of the digits, 30 images, 9 runs of 1,000 steps: no example farther,
with 5,100 gradients an example (8,900).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.adam import Adam
from bench.attacks.nearest import MinimumNorm, Nearest
from bench.threats.base import per_example

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws

EDGE = 1 - 1e-6
"""How far towards the ends of the range the change of variables goes,"""
STALLED = 0.9999
"""the share of its loss that an example has to come below,"""
PARTS = 10
"""and how often in a run that is looked at: of their code;"""
PATIENCE = 50
"""but after so many steps at least."""


class CarliniWagner(MinimumNorm):
    """Descends `|d|^2 + c max(confidence - margin, 0)` by Adam, over `w` of `x + d = (tanh w + 1) / 2`.

    Binary search for the least c that succeeds. Without a range the change itself is the variable.
    """

    name: ClassVar[str] = "carlini-wagner"
    title: ClassVar[str] = "Carlini-Wagner"
    norms: ClassVar[Collection[str]] = ("l2",)
    summary: ClassVar[str] = "descends |d|^2 + c max(-margin, 0), with a binary search for c (Carlini & Wagner)"

    searches: Annotated[int, Field(ge=1, le=30)] = 9
    """Runs, each with another c."""
    steps: Annotated[int, Field(ge=1)] = 1000
    """Steps of a run at most, one gradient each."""
    step_size: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.01
    """Of Adam."""
    first: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.001
    """The c of the first run; it is multiplied by 10 until one succeeds."""
    confidence: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Margin of the logits that is aimed at. Any success counts."""

    def search(self, near: Nearest, draws: Draws) -> None:
        import torch

        c = torch.full_like(near.distance, self.first)
        low, high = torch.zeros_like(c), torch.full_like(c, torch.inf)
        for _ in range(self.searches):
            won = self._run(near, c)
            high, low = c.minimum(high).where(won, high), low.where(won, c.maximum(low))
            c = (10 * c).where(high.isinf(), (low + high) / 2)

    def _run(self, near: Nearest, c: Tensor) -> Tensor:
        """`(N,)` whether any point on the way was a success."""
        import torch

        rows = torch.arange(len(c), device=c.device)
        variable = self._variable(near)
        won = torch.zeros_like(c, dtype=torch.bool)
        adam, before = Adam.begun(variable), torch.full_like(c, torch.inf)
        lowest = before
        for step in range(self.steps):
            points, rate = self._points(near, rows, variable)
            seen = near.look(rows, points)
            won[rows[seen.hit]] = True
            size = per_example(near.unit[rows], points)
            delta = (points - near.x[rows]) / size
            short = (self.confidence - seen.lead.double()).clamp_min(0)
            lowest = lowest.minimum(delta.double().flatten(1).square().sum(1) + c[rows] * short)
            if step and step % max(PATIENCE, self.steps // PARTS) == 0:
                going = lowest <= STALLED * before
                rows, variable, rate, size, delta, short, lowest = (
                    each[going] for each in (rows, variable, rate, size, delta, short, lowest)
                )
                adam, seen, before = adam.only(going), seen.only(going), lowest
                if not len(rows):
                    break
            pushed = c[rows] * ((short > 0) | ~seen.hit)
            slope = 2 * delta - per_example(pushed, delta).to(delta.dtype) * size * seen.gradient
            variable = variable - self.step_size * adam.step(slope * rate)
        return won

    def _variable(self, near: Nearest) -> Tensor:
        """`(N, *shape)` what stands for the examples themselves."""
        import torch

        if near.threat.clip is None:
            return torch.zeros_like(near.x)
        low, high = near.threat.clip
        return ((2 * (near.x - low) / (high - low) - 1).clamp(-1, 1) * EDGE).atanh()

    def _points(self, near: Nearest, rows: Tensor, variable: Tensor) -> tuple[Tensor, Tensor]:
        """`(n, *shape)` the points that variables stand for, and how fast they move, in units."""
        import torch

        if near.threat.clip is None:
            return near.moved(rows, variable * per_example(near.unit[rows], variable)), torch.ones_like(variable)
        low, high = near.threat.clip
        tanh = variable.tanh()
        points = low + (high - low) * (tanh + 1) / 2
        return near.threat.cut(points), (1 - tanh.square()) / 2
