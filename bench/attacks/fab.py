"""Fast adaptive boundary, targeted: Croce & Hein 2020 (arXiv 1907.02044), algorithm 1; rival by rival as in AutoAttack.

Unlike there the last search towards the example is that of all minimum-norm attacks here.

Checked against adversarial-library 0.2.8, as many gradients each: no example farther by a thousandth. Median distances
on the net of Wong & Kolter 2018, 50 MNIST images, 30 steps towards each of 9 rivals, theirs in brackets: L_inf .178
(.183), L2 1.55 (1.68), L1 6.2 (9.2).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.hyperplanes import least_step
from bench.attacks.nearest import MinimumNorm, Nearest
from bench.draws import RUNS
from bench.threats.base import per_example

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws

BIAS = 0.1
"""The largest weight of the step from the example itself,"""
OVERSHOOT = 1.05
"""by how much steps go beyond the hyperplane,"""
BACK = 0.9
"""and what is kept of a success when going back towards the example: all of the paper's."""


class FAB(MinimumNorm):
    """Steps onto the boundary towards one rival made linear, drawn to the part of it that is nearest to the example.

    Each success is followed by a step back towards the example. One run for each rival class; any success counts.
    """

    name: ClassVar[str] = "fab"
    title: ClassVar[str] = "FAB"
    norms: ClassVar[Collection[str]] = ("linf", "l2", "l1")
    summary: ClassVar[str] = "steps along the boundary towards each rival class in turn (FAB, targeted)"

    steps: Annotated[int, Field(ge=1)] = 100
    """Steps of a run, one gradient and one label each."""
    rivals: Annotated[int, Field(ge=1)] = 9
    """How many other classes, the likeliest on the example itself first."""
    restarts: Annotated[int, Field(ge=0, lt=RUNS)] = 0
    """Further rounds over the rivals, from random points at up to half the distance found."""
    draw: Annotated[int, Field(ge=0, lt=2**16)] = 0
    """Which of the independent repetitions this is."""

    def search(self, near: Nearest, draws: Draws) -> None:
        import torch

        rows = torch.arange(len(near.x), device=near.x.device)
        rivals = near.rivals(self.rivals)
        for turn in range(self.restarts + 1):
            for place in range(rivals.shape[1]):
                start = near.x
                if turn:
                    shape = tuple(near.x.shape[1:])
                    number = (self.draw * RUNS + turn) * rivals.shape[1] + place
                    drawn = near.x.new_tensor(near.threat.uniform(draws, shape, number))
                    far = near.distance.where(near.distance.isfinite(), near.unit.double()).to(drawn.dtype) / 2
                    start = near.moved(rows, per_example(far, drawn) * drawn)
                self._run(near, rows, start, rivals[:, place])

    def _run(self, near: Nearest, rows: Tensor, points: Tensor, rivals: Tensor) -> None:
        for _ in range(self.steps):
            seen = near.look(rows, points, near.towards(rivals))
            slope, delta = seen.gradient.double(), points.double() - near.x.double()
            short = -seen.value.double()
            if near.source.gradient != "exact":  # what is no success lies before the boundary, whatever a stand-in says
                short = short.where(seen.hit, short.abs())
            across = short + (slope * delta).flatten(1).sum(1)
            here, own = (
                least_step(near.threat, at, seen.gradient, gain) for at, gain in ((points, short), (near.x, across))
            )
            ratio = here[0] / (here[0] + own[0]).clamp_min(1e-30)
            bias = per_example(ratio.nan_to_num(0.0, posinf=0.0).clamp(0, BIAS), points)
            moved = (1 - bias) * (delta + OVERSHOOT * here[1]) + bias * OVERSHOOT * own[1]
            points = near.moved(rows, moved)
            back = near.moved(rows, BACK * (points - near.x))
            points = back.where(per_example(near.ask(rows, points), points), points)
