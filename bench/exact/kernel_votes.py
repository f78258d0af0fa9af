"""Support vector machines with kernels: quadratics below the decision values, over the ball cut to the range.

What speaks for class i against j is a sum of kernel functions f of linear functions of the change u, as
|s - z - u|^2 = |s - z|^2 - 2 (s - z) . u + |u|^2: of an RBF kernel with a common factor exp(-gamma |u|^2), which the
bias is held against. In each term f(p + l) lies between f(p) + f'(p) l + low l^2 and the same with `high`
(`bench.exact.curves`).

1. With l^2 at most its square over the whole box, each term on its own: the lines of tangents and about those of the
   chords, for all pairs at once, by products of matrices.
2. What that leaves open, pair by pair: l^2 = u' r r' u, and of the sum of all of them, in which most cancels, the least
   is bounded (`bench.exact.quadratics`).

A class that surely wins all its pairs is the label, whatever the others do; with fewer it may be (`bench.exact.votes`).
A ball of L1 lies within that of L2 of the same radius, which is what is bounded then.

Rounding: a pair counts only beyond all that it may do to the decision value in the model and here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import ClassVar

import torch
from torch import Tensor

from adapters.structures.base import Structure
from adapters.structures.kernel_votes import KernelVotes
from bench.exact.base import Certificate, Effort, Proof
from bench.exact.expansions import Expansions
from bench.exact.passes import OutOfTime
from bench.exact.votes import elected
from bench.threats import Threat

BLOCK = 64
"""Examples at a time."""
HALVINGS = 4
"""Of the interval between the largest size that is proved and the next."""


class KernelVotesCertificate(Certificate):
    """Bounds: sizes are tried one by one, from small to large, then radii between those proved and not."""

    norms: ClassVar[Collection[str]] = ("linf", "l2", "l1")

    def prove(self, structure: Structure, x: Tensor, y: Tensor, threat: Threat, effort: Effort) -> Proof:
        assert isinstance(structure, KernelVotes)
        search = _Search(structure, x, y, threat, effort)
        try:
            search.climb()
            search.halve()
        except OutOfTime:
            pass
        return Proof(search.low, search.witness.view_as(x), search.low.isinf())


class _Search:
    """How far `N` examples are proved, and the nearest mislabelled inputs met on the way."""

    def __init__(self, structure: KernelVotes, x: Tensor, y: Tensor, threat: Threat, effort: Effort) -> None:
        self.structure, self.threat, self.effort = structure, threat, effort
        self.around = threat.model_copy(update={"norm": "l2"}) if threat.norm == "l1" else threat
        """Within whose ball of a radius the threat's lies: of L1 that of L2."""
        self.x, self.flat, self.witness = x, x.flatten(1).double(), x.flatten(1).clone()
        self.own = (torch.tensor(structure.classes) == y[:, None]).long().argmax(1)
        self.low = torch.zeros(len(x), dtype=torch.float64)
        """Proved."""
        self.high = torch.full_like(self.low, torch.inf)
        """Not proved."""
        self.nearest = torch.full_like(self.low, torch.inf)
        """Of the mislabelled inputs."""
        if len(structure.classes) == 1:
            self.low.fill_(torch.inf)

    def climb(self) -> None:
        open_ = (self.low == 0).nonzero()[:, 0]
        for size in self.effort.sizes:
            reach = self.threat.geometry.outward(size, self.x)
            open_ = self._tried(open_[reach[open_] < self.high[open_]], reach)

    def halve(self) -> None:
        for _ in range(HALVINGS):
            rows = (self.high.isfinite() & (self.high > self.low)).nonzero()[:, 0]
            self._tried(rows, (self.low + self.high) / 2)

    def _tried(self, rows: Tensor, radius: Tensor) -> Tensor:
        """Which of the rows are proved so far; `radius` is of all."""
        kept = [rows[:0]]
        for part in torch.split(rows, BLOCK):
            if self._is_over():
                raise OutOfTime
            ball = Ball(self.structure, self.flat[part], self.own[part], radius[part], self.around, self._is_over)
            held = ball.held()
            self.low[part[held]] = radius[part[held]]
            self.high[part[~held]] = radius[part[~held]]
            self._look(part[~held], ball.corner[~held], radius[part[~held]])
            kept.append(part[held])
        return torch.cat(kept)

    def _look(self, rows: Tensor, moved: Tensor, radius: Tensor) -> None:
        """Whether inputs that a bound is low at are mislabelled, brought to where the judge counts them at the size."""
        share = self.threat.geometry.inward(radius, self.x[rows]) / radius.clamp_min(1e-300)
        nearer = self.flat[rows] + share[:, None] * (moved - self.flat[rows])
        point, hit = mislabelled(self.structure, nearer, self.own[rows], self.threat)
        far = self.threat.geometry.lengths(point.double() - self.flat[rows])
        hit &= far < self.nearest[rows]
        self.witness[rows[hit]], self.nearest[rows[hit]] = point[hit], far[hit]
        self.high[rows] = self.high[rows].minimum(self.nearest[rows].maximum(self.low[rows]))

    def _is_over(self) -> bool:
        return self.effort.is_over(len(self.x))


def mislabelled(structure: KernelVotes, moved: Tensor, own: Tensor, threat: Threat) -> tuple[Tensor, Tensor]:
    """`(n, features)` float32 inputs, cut to the range, and `(n,)` whether they are labelled otherwise for sure."""
    point = threat.cut(moved).to(torch.float32)
    scores = structure.scores(point)
    lead = scores.gather(1, own[:, None])[:, 0] - scores.amax(1)
    return point, lead < -structure.roundoff(point)


class Ball:
    """`N` examples, each with all inputs within its radius."""

    def __init__(
        self, structure: KernelVotes, x: Tensor, own: Tensor, radius: Tensor, threat: Threat,
        is_over: Callable[[], bool],
    ) -> None:  # fmt: skip
        self.structure, self.own, self.threat, self.is_over = structure, own, threat, is_over
        self.terms = Expansions(structure, x, radius, threat)
        self.corner = x.clone()
        """`(N, features)` the input that the lowest of the bounds is low at."""
        self._lowest = torch.full((len(x),), torch.inf, dtype=torch.float64)
        count = len(structure.classes)
        self.sure = torch.zeros(len(x), count, count, dtype=torch.bool)

    def held(self) -> Tensor:
        """`(N,)` bool: nothing within the radius is labelled otherwise."""
        count = len(self.structure.classes)
        leading = self.terms.decisions > 0
        bounds = torch.full((*self.own.shape, count), torch.inf, dtype=torch.float64)
        for own in torch.unique(self.own).tolist():
            rows = (self.own == own).nonzero()[:, 0]
            for rival in range(count):
                if rival != own:
                    bounds[rows, rival] = self._screened(rows, own, rival)
        open_ = (~elected(self.sure, self.own, self.structure.breaks_ties)).nonzero()[:, 0]
        _, lost = mislabelled(self.structure, self.corner[open_], self.own[open_], self.threat)
        for row in open_[~lost].tolist():
            own = int(self.own[row])
            hopeful = leading[row].clone()
            for rival in bounds[row].argsort().tolist():
                if rival == own or bool(self.sure[row, own, rival]):
                    continue
                hopeful[own, rival] = bool(self._proved(row, own, rival))
                if not bool(hopeful[own, rival]) and not self._elected(row, hopeful):
                    break
            else:
                if bool(hopeful[own].sum() < count - 1):
                    self._others(row, own, hopeful)
        return elected(self.sure, self.own, self.structure.breaks_ties)

    def _elected(self, row: int, sure: Tensor) -> bool:
        return bool(elected(sure[None], self.own[row : row + 1], self.structure.breaks_ties))

    def _others(self, row: int, own: int, hopeful: Tensor) -> None:
        """The pairs of the other classes, which decide where the own class does not win all of its pairs."""
        for first, second in hopeful.nonzero().tolist():
            if own not in (first, second):
                rows = torch.tensor([row])
                self._screened(rows, first, second)
                if not bool(self.sure[row, first, second]) and not self._proved(row, first, second):
                    hopeful[first, second] = False
                    if not self._elected(row, hopeful):
                        return

    def _screened(self, rows: Tensor, first: int, second: int) -> Tensor:
        """`(n,)` how far the lower bound of a pair is above what is due; the lowest are taken down."""
        bound, corner = self.terms.screened(rows, first, second)
        self.sure[rows, first, second] = bound > 0
        if bool((self.own[rows] == first).all()):
            lower = bound < self._lowest[rows]
            self._lowest[rows[lower]], self.corner[rows[lower]] = bound[lower], corner[lower]
        return bound

    def _proved(self, row: int, first: int, second: int) -> bool:
        if self.is_over() or not bool(self.terms.decisions[row, first, second] > 0):
            return False
        bound, corner = self.terms.bounded(row, first, second)
        self.sure[row, first, second] = bound > 0
        if int(self.own[row]) == first and not bound > 0:
            self.corner[row] = corner
        return bound > 0
