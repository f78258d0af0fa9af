"""Projected gradient descent with restarts and decaying steps: Madry et al. 2018 (arXiv 1706.06083), section 2.1.

Climbs the margin of the logits, as Carlini & Wagner 2017 do, and spends its restarts on what is not fooled yet, as
Gowal et al. 2019 (arXiv 1910.09338).

Checked on the published MNIST nets, L_inf .1, 10,000 images, records of `mnist-anchors`: attacked error 14.38% of the
one by Raghunathan et al. 2018 (exact: between 14.36 and 30.81), 4.20% of the one by Wong & Kolter 2018 (exact 4.38). In
tests against the distances of linear models.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from bench.attacks.climbing import Best, Climb
from bench.attacks.restarting import RestartingAttack
from bench.draws import RUNS
from bench.threats import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws


class PGD(RestartingAttack):
    """Steps uphill that grow shorter, each followed by a projection; the best point of all on the way is the candidate.

    A first run of a few steps starts at the example. What it does not fool is climbed from random points of the ball,
    `restarts` times. An example leaves as soon as it is fooled, and depends on no other of its batch.
    """

    name: ClassVar[str] = "pgd"
    title: ClassVar[str] = "PGD"
    norms: ClassVar[Collection[str]] = ("linf", "l2", "l1")
    summary: ClassVar[str] = "projected steps up the margin, with restarts at random points (PGD)"

    loss: Literal["margin", "cross_entropy"] = "margin"
    """The loss to climb: the margin of the logits, or their cross-entropy."""
    screen: Annotated[int, Field(ge=0)] = 10
    """Steps of the first run, from the example itself; 0 for none."""
    restarts: Annotated[int, Field(ge=0, lt=RUNS)] = 5
    """Runs from random points of the ball, of examples that are not fooled yet."""
    steps: Annotated[int, Field(ge=1)] = 40
    """Steps of each of these."""
    step_ratio: Annotated[float, Field(gt=0, le=2)] = 0.5
    """Size of the first step as a share of eps."""
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    """How the steps of a run grow shorter."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        """Raises Unsupported where the source has no gradient."""
        labels = self.labels(source, x, y)
        self.check(source)
        for budget in budgets:
            climb = Climb(source, self.loss, x, labels, budget, goals, draws=self.draws)
            best = climb.begun()
            if self.screen:
                rows = climb.open(best)
                self._run(climb, best, rows, x[rows], self.screen)
            for run in range(self.restarts):
                rows = climb.open(best)
                if not len(rows):
                    break
                self._run(climb, best, rows, climb.random(rows, draws, self.first_start + run), self.steps)
            yield best.points

    def sizes(self, steps: int) -> list[float]:
        """The steps of a run as shares of eps."""
        done = [step / steps for step in range(steps)]
        if self.schedule == "linear":
            return [self.step_ratio * (1 - share) for share in done]
        if self.schedule == "cosine":
            return [self.step_ratio * (1 + math.cos(math.pi * share)) / 2 for share in done]
        return [self.step_ratio] * steps

    def _run(self, climb: Climb, best: Best, rows: Tensor, points: Tensor, steps: int) -> None:
        sizes = self.sizes(steps)
        for size in [*sizes, None]:
            if not len(rows):
                return
            seen = climb.look(rows, points, slope=size is not None)
            hit = climb.hits(rows, points, seen.lead)
            best.learn(rows, points, seen.lead, hit)
            if size is None or seen.gradient is None:
                return
            rows, points, gradient = rows[~hit], points[~hit], seen.gradient[~hit]
            points = climb.stepped(rows, points, gradient, size)
