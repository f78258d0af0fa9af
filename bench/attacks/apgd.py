"""Auto-PGD: Croce & Hein 2020 (arXiv 2003.01690), section 3 and algorithm 1.

Unlike there the first run starts at the example and not at random, what is fooled leaves at once, nothing is asked
after the last step, and in L2 features that would leave the range take no part in a step.

Checked against adversarial-library 0.2.8 and torchattacks 3.5.1 on the net of Raghunathan et al. 2018, L_inf .1, 300
images, 100 steps: cross-entropy 11.67% (11.67 and 11.67), ratio 15.00 (15.00 and 15.00), targeted ratio 15.00 (13.33
and 15.00), with fewer gradients than either. On all 10,000 images the margin comes to 14.33 of at most 30.81, and to
4.12 of 4.38 on the net of Wong & Kolter 2018.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.climbing import Best, Climb, Seen
from bench.attacks.losses import RIVALLED, Climbed, likeliest
from bench.attacks.restarting import RestartingAttack
from bench.draws import RUNS
from bench.threats import Threat
from bench.threats.base import per_example

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws

FIRST = 2.0
"""The first step as a share of eps,"""
MOMENTUM = 0.75
"""the share of a step that goes uphill, the rest going on where the last one went,"""
RISING = 0.75
"""and the share of steps between two checkpoints that have to climb, or else it is halved: all of the paper's."""


class APGD(RestartingAttack):
    """Steps uphill with momentum; their size is halved, from the best point so far, where climbing has stalled.

    A run starts at the example, further ones at random points of the ball. A loss that has rivals is climbed towards
    each of the `rivals` likeliest other classes in turn. An example leaves as soon as it is fooled, and depends on no
    other of its batch.
    """

    name: ClassVar[str] = "apgd"
    title: ClassVar[str] = "APGD"
    norms: ClassVar[Collection[str]] = ("linf", "l2")
    summary: ClassVar[str] = "projected steps with momentum that halve where climbing stalls (Auto-PGD)"

    loss: Climbed = "margin"  # type: ignore[assignment]  # those of logits
    """The loss to climb: margin, cross-entropy or ratio of logits, or those towards each rival class."""
    then: Climbed | None = None
    """Another loss, for the examples that the first one leaves."""
    steps: Annotated[int, Field(ge=1)] = 100
    """Steps of a run."""
    restarts: Annotated[int, Field(ge=0, lt=RUNS)] = 0
    """Further runs, from random points of the ball, of examples that are not fooled yet."""
    rivals: Annotated[int, Field(ge=1)] = 9
    """How many other classes to climb towards, the likeliest on the example itself first."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        """Raises Unsupported where the source has no gradient."""
        labels = self.labels(source, x, y)
        self.check(source)
        for budget in budgets:
            best: Best | None = None
            number = self.first_start
            for kind in (self.loss, *([] if self.then is None else [self.then])):
                climb = Climb(source, kind, x, labels, budget, goals, draws=self.draws)
                best = best or climb.begun()
                several = self._towards(climb, best)
                for run in range(self.restarts + 1):
                    for each in several:
                        rows = each.open(best)
                        if len(rows):
                            start = x[rows] if run == 0 else each.random(rows, draws, number)
                            self._run(each, best, rows, start)
                    number += run > 0
            assert best is not None
            yield best.points

    def _towards(self, climb: Climb, best: Best) -> list[Climb]:
        """One climb, or one a rival: the known classes in the order of their logits at the example."""
        if climb.kind not in RIVALLED or climb.goals is not None:
            return [climb]
        rows = climb.open(best)
        if not len(rows):
            return []
        logits = climb.source.logits(climb.x[rows]).detach()
        others = likeliest(logits, climb.y[rows], climb.source.known_classes)
        found = []
        for place in range(min(self.rivals, others.shape[1])):
            towards = climb.y.clone()
            towards[rows] = others[:, place]
            found.append(replace(climb, rivals=towards))
        return found

    def _run(self, climb: Climb, best: Best, rows: Tensor, start: Tensor) -> None:
        seen, rows, points = _told(climb, best, rows, start, True)
        state = _State.begun(rows, points, seen)
        window, since = checkpoints(self.steps), 0
        for step in range(self.steps):
            if not len(state.rows):
                return
            moved = state.stepped(climb, first=step == 0)
            last = step == self.steps - 1
            seen = climb.look(state.rows, moved, slope=not last)
            hit = climb.hits(state.rows, moved, seen.lead)
            best.learn(state.rows, moved, seen.lead, hit)
            if last:
                return
            state = state.learned(moved, seen).only(~hit)
            since += 1
            if since == window[0]:
                state, since = state.checked(since), 0
                window = window[1:]


def _told(climb: Climb, best: Best, rows: Tensor, points: Tensor, slope: bool) -> tuple[Seen, Tensor, Tensor]:
    """A look at points, told to `best`; what it says of those that go on."""
    seen = climb.look(rows, points, slope=slope)
    hit = climb.hits(rows, points, seen.lead)
    best.learn(rows, points, seen.lead, hit)
    assert seen.gradient is not None
    return Seen(seen.value[~hit], seen.lead[~hit], seen.gradient[~hit]), rows[~hit], points[~hit]


@dataclass(frozen=True)
class _State:
    """Where `n` examples are on their way."""

    rows: Tensor
    """`(n,)` places in the batch."""
    points: Tensor
    """`(n, *shape)` where they are,"""
    before: Tensor
    """and where they were a step ago."""
    value: Tensor
    """`(n,)` the loss there,"""
    gradient: Tensor
    """`(n, *shape)` and its gradient."""
    top: Tensor
    """`(n,)` the largest loss so far,"""
    top_points: Tensor
    top_gradient: Tensor
    size: Tensor
    """`(n,)` of a step, as a share of eps."""
    rises: Tensor
    """`(n,)` steps that climbed since the last checkpoint."""
    top_then: Tensor
    """`(n,)` the largest loss at the last checkpoint,"""
    halved: Tensor
    """`(n,)` and whether the step was halved there."""

    @classmethod
    def begun(cls, rows: Tensor, points: Tensor, seen: Seen) -> _State:
        value, gradient = seen.value, seen.gradient
        assert gradient is not None
        size, none = value * 0 + FIRST, rows * 0
        return cls(
            rows, points, points, value, gradient, value, points, gradient, size, none, value, none != 0
        )  # fmt: skip

    def only(self, mask: Tensor) -> _State:
        """Those of some examples."""
        return _State(*(getattr(self, field.name)[mask] for field in fields(self)))

    def stepped(self, climb: Climb, *, first: bool) -> Tensor:
        """`(n, *shape)` the next points: equation 2, the first of them without momentum."""
        uphill = climb.stepped(self.rows, self.points, self.gradient, self.size)
        if first:
            return uphill
        moved = self.points + MOMENTUM * (uphill - self.points) + (1 - MOMENTUM) * (self.points - self.before)
        return climb.budget.project(climb.x[self.rows], moved)

    def learned(self, points: Tensor, seen: Seen) -> _State:
        """At the next points."""
        gradient = seen.gradient
        assert gradient is not None
        higher = seen.value > self.top
        shaped = per_example(higher, points)
        return replace(
            self,
            points=points,
            before=self.points,
            value=seen.value,
            gradient=gradient,
            top=seen.value.where(higher, self.top),
            top_points=points.where(shaped, self.top_points),
            top_gradient=gradient.where(shaped, self.top_gradient),
            rises=self.rises + (seen.value > self.value),
        )

    def checked(self, steps: int) -> _State:
        """At a checkpoint, `steps` after the last: halve the step and go back to the top where climbing has stalled.

        It has where too few steps climbed, or where neither the step nor the top has changed since the last one.
        """
        stalled = (self.rises <= RISING * steps) | (~self.halved & (self.top_then >= self.top))
        shaped = per_example(stalled, self.points)
        return replace(
            self,
            points=self.top_points.where(shaped, self.points),
            value=self.top.where(stalled, self.value),
            gradient=self.top_gradient.where(shaped, self.gradient),
            size=(self.size / 2).where(stalled, self.size),
            rises=self.rises * 0,
            top_then=self.top,
            halved=stalled,
        )


def checkpoints(steps: int) -> list[int]:
    """Steps from one checkpoint to the next: .22 of all, each time .03 less, at least .06; rounded as in the code."""
    length, least, less = max(int(0.22 * steps), 1), max(int(0.06 * steps), 1), max(int(0.03 * steps), 1)
    found: list[int] = []
    while sum(found) <= steps:
        found.append(length)
        length = max(length - less, least)
    return found
