"""sigma-zero: Cina et al. 2025 (arXiv 2402.01879), algorithm 1, by Adam as in their code.

Checked against adversarial-library 0.2.8 on the net of Wong & Kolter 2018, 100 MNIST images, 200 steps: 11 features at
the median (12), 12.9 on average (13.0).
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.adam import Adam
from bench.attacks.nearest import MinimumNorm, Nearest
from bench.threats.base import per_example

if TYPE_CHECKING:
    from bench.draws import Draws

LAST = 0.1
"""Share of the first step size that the last one is, along half a cosine,"""
ADAPTING = 0.01
"""and share of the step size by which the threshold is changed: of their code."""


class SigmaZero(MinimumNorm):
    """Descends `max(-margin, 0) + mean of d^2 / (d^2 + sigma)`, and sets small changes to zero after every step.

    What counts as small grows where the point is a success and shrinks where it is none.
    """

    name: ClassVar[str] = "sigma-zero"
    norms: ClassVar[Collection[str]] = ("l0",)
    summary: ClassVar[str] = "descends a smooth count of changed features, small changes set to zero (sigma-zero)"

    steps: Annotated[int, Field(ge=1)] = 1000
    """Steps, one gradient each."""
    step_size: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """Of Adam at first, in widths of the range."""
    sigma: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.001
    """How near the smooth count comes to the count: the smaller the nearer."""
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.3
    """What counts as small at first, in widths of the range."""

    def search(self, near: Nearest, draws: Draws) -> None:
        import torch

        rows = torch.arange(len(near.x), device=near.x.device)
        unit = per_example(near.unit, near.x)
        delta, points = torch.zeros_like(near.x), near.x
        adam = Adam.begun(delta)
        threshold = torch.full_like(near.unit, self.threshold)
        size = self.step_size
        for step in range(self.steps):
            seen = near.look(rows, points)
            square = delta.square()
            slope = 2 * self.sigma * delta / (square + self.sigma).square() / near.x[0].numel()
            slope = slope - unit * seen.gradient * per_example(~seen.hit, delta)
            largest = per_example(slope.flatten(1).abs().amax(1).clamp_min(1e-12), slope)
            moved = delta - size * adam.step(slope / largest)
            size = self.step_size * (LAST + (1 - LAST) * (1 + math.cos(math.pi * step / self.steps)) / 2)
            threshold = (threshold + torch.where(seen.hit, 1, -1) * ADAPTING * size).clamp(0, 1)
            kept = (near.moved(rows, unit * moved) - near.x) / unit
            delta = kept.where(kept.abs() >= per_example(threshold, kept), 0)
            points = near.x.where(delta == 0, near.moved(rows, unit * delta))
        near.ask(rows, points)
