"""What strong gradient attacks share: value and slope in one pass, what has fooled, and the best candidate so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from bench.attacks.losses import RIVALLED, Climbed, climbed, lead
from bench.threats import Threat
from bench.threats.base import per_example

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws

SPARSE = 0.05
"""Share of the features that a step in L1 changes (Tramer & Boneh 2019, section 4.2): one alone would take ages."""


class Seen(NamedTuple):
    """What one look at `n` points tells."""

    value: Tensor
    """`(n,)` the loss that is climbed."""
    lead: Tensor
    """`(n,)` the margin of the logits towards success, which candidates are compared by."""
    gradient: Tensor | None
    """`(n, *shape)`; None where it was not asked for."""


class Best:
    """The best candidate of each of `N` examples so far: a success before none, then the larger margin."""

    def __init__(self, x: Tensor, fooled: Tensor) -> None:
        """`fooled`, `(N,)`, tells which examples are a success as they are."""
        self.points, self.fooled = x.clone(), fooled.clone()
        self.lead = x.new_zeros(len(x)).double() - float("inf")

    def learn(self, rows: Tensor, points: Tensor, lead: Tensor, fooled: Tensor) -> None:
        """Take note of `(n, *shape)` candidates of the examples at `rows`."""
        lead = lead.double()
        before = self.fooled[rows]
        better = (fooled & ~before) | ((fooled == before) & (lead > self.lead[rows]))
        chosen = rows[better]
        self.points[chosen], self.lead[chosen] = points[better], lead[better]
        self.fooled[chosen] = fooled[better]


@dataclass(frozen=True)
class Climb:
    """One loss of one model, climbed within one threat around a batch of `N` examples.

    All is done example by example: what one comes to does not depend on the others in its batch.
    """

    source: Adapter
    kind: Climbed
    x: Tensor
    y: Tensor
    """`(N,)` the classes to leave."""
    budget: Threat
    goals: Tensor | None = None
    """`(N,)` the classes to be taken for, -1 for examples that are left out; None where any other is right."""
    rivals: Tensor | None = None
    """`(N,)` the classes to climb towards, of losses that have one. Any other is a success as well."""
    draws: int = 1
    """How many answers of a model that answers at random are averaged."""

    def begun(self) -> Best:
        """The examples themselves. Those that are a success already, and those left out, count as done with."""
        labels = self.source.predict(self.x)
        if self.goals is not None:
            return Best(self.x, self.goals < 0)
        return Best(self.x, (labels != self.y) & (not self.source.stochastic))

    def open(self, best: Best) -> Tensor:
        """`(n,)` places of the examples that are not done with, the smallest margins first."""
        rows = (~best.fooled).nonzero()[:, 0]
        return rows[best.lead[rows].argsort(descending=True, stable=True)]

    def look(self, rows: Tensor, points: Tensor, *, slope: bool = True) -> Seen:
        """Value, margin and gradient at points of the examples at `rows`.

        Raises:
            Unsupported: the source has no gradient.
        """
        from adapters.base import wide

        times = self.draws if self.source.stochastic else 1
        seen: list[Seen] = []
        for _ in range(times):
            if slope:
                logits, value, gradient = self.source.slope(points, lambda logits: self._value(logits, rows))
            else:
                logits, gradient = wide(self.source.logits(points)).detach(), None
                value = self._value(logits, rows)
            seen.append(Seen(value, self._lead(logits, rows), gradient))
        if times == 1:
            return seen[0]
        value, lead = (sum(columns) / times for columns in zip(*((one.value, one.lead) for one in seen), strict=True))
        slopes = [one.gradient for one in seen if one.gradient is not None]
        return Seen(value, lead, sum(slopes) / times if slopes else None)  # type: ignore[arg-type]

    def hits(self, rows: Tensor, points: Tensor, lead: Tensor) -> Tensor:
        """`(n,)` whether the model itself, and not only its logits, is fooled.

        A model of exact gradients is asked where its logits say so, one with a stand-in everywhere. One that answers at
        random is not asked at all: a success of one answer is none, and its examples are never done with.
        """
        hit = (lead >= 0) if self.source.gradient == "exact" else lead == lead
        if self.source.stochastic:
            return hit & False
        if hit.any():
            labels = self.source.predict(points[hit])
            if self.goals is None:
                hit[hit.clone()] = labels != self.y[rows][hit]
            else:
                hit[hit.clone()] = labels == self.goals[rows][hit]
        return hit

    def direction(self, rows: Tensor, points: Tensor, gradient: Tensor) -> Tensor:
        """`(n, *shape)` of norm 1, uphill; features at the range's end that would leave it are left out.

        In L1 a step goes along the sign of the gradient on the largest twentieth of the features.
        """
        if self.budget.clip is not None and self.budget.norm != "linf":
            low, high = self.budget.clip
            stuck = ((points <= low) & (gradient < 0)) | ((points >= high) & (gradient > 0))
            gradient = gradient.masked_fill(stuck, 0)
        if self.budget.norm != "l1":
            return self.budget.step(gradient)
        flat = gradient.flatten(1)
        places = flat.abs().topk(max(1, round(SPARSE * flat.shape[1])), dim=1).indices
        signs = flat.new_zeros(flat.shape).scatter(1, places, flat.gather(1, places).sign())
        return (signs / signs.abs().sum(1, keepdim=True).clamp_min(1)).reshape(gradient.shape)

    def stepped(self, rows: Tensor, points: Tensor, gradient: Tensor, size: Tensor | float) -> Tensor:
        """Points one step uphill, of `size` times the radius, number or `(n,)`, and back in the ball."""
        direction = self.direction(rows, points, gradient)
        sizes = size if isinstance(size, float) else per_example(size, points)
        return self.budget.project(self.x[rows], points + sizes * self.budget.size * direction)

    def random(self, rows: Tensor, draws: Draws, draw: int) -> Tensor:
        """`(n, *shape)` points drawn evenly from the ball, each example's own."""
        fewer = draws.only(rows.cpu().numpy())
        drawn = self.x.new_tensor(self.budget.uniform(fewer, tuple(self.x.shape[1:]), draw))
        return self.budget.moved(self.x[rows], drawn)

    def _value(self, logits: Tensor, rows: Tensor) -> Tensor:
        if self.goals is None:
            rivals = None if self.rivals is None else self.rivals[rows]
            return climbed(self.kind, logits, self.y[rows], rivals, self.source.known_classes)
        if self.kind in RIVALLED:
            return climbed(self.kind, logits, self.y[rows], self.goals[rows], self.source.known_classes)
        return -climbed(self.kind, logits, self.goals[rows], None, self.source.known_classes)

    def _lead(self, logits: Tensor, rows: Tensor) -> Tensor:
        return lead(logits, self.y[rows], None if self.goals is None else self.goals[rows])
