"""The nearest mislabelled input of a sum of trees: between the sizes that are proved and the inputs that are found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from adapters.structures.trees import Trees
from bench.exact.ball import Ball, ball, merged
from bench.exact.base import Effort
from bench.exact.boxes import Boxes, Floats, Ints, Sides
from bench.exact.branching import CUTS, Search
from bench.exact.corners import climbed, common, narrowed
from bench.threats import Threat

SAME = 1 - 1e-12
"""A radius stops short of the distance at which something is mislabelled."""
WORK = 2 * 10**8
"""Boxes looked at in one example's searches, at most: about a second."""
STEPS = 8
"""Halvings in norms in which distances are no finite set."""
QUICK = 10**7
"""The same, where nothing is to be proved."""
TINY = float(np.finfo(np.float64).tiny)


class Sum:
    """A sum of trees, its boxes, a threat, and how far to go."""

    def __init__(self, structure: Trees, boxes: Boxes, threat: Threat, effort: Effort) -> None:
        self.structure, self.boxes, self.threat, self.effort = structure, boxes, threat, effort
        self.norm = str(threat.norm)
        guard, classes = structure.guard, len(structure.classes)
        self.limits = np.full((classes, classes), -guard)
        """`(K, K)` by own class and rival: a lead below is certainly none. Of exact sums a tie is the first class's."""
        if guard == 0:
            own, rival = np.indices((classes, classes))
            self.limits = np.where(rival > own, TINY, 0.0)
        self.start = structure.start.numpy()
        self._gaps = None if structure.is_plain else _gaps(structure)
        self.slack = 0.0
        """What is taken off a radius where it is not known how all inputs are compared. Comparisons never contradict
        each other, so that an input between a threshold and what is above acts as one of those two does."""
        if self._gaps is not None:
            feature, below, above = self._gaps
            width = torch.zeros(1, int(feature.max(initial=0)) + 1, dtype=torch.float64)
            with np.errstate(invalid="ignore"):
                gap = np.where(above == below, 0, above.astype(np.float64) - below)
            width[0].scatter_reduce_(0, torch.from_numpy(feature), torch.from_numpy(gap), "amax")
            self.slack = float(threat.geometry.lengths(width)[0])

    def wide(self, size: float, x: Sides) -> Floats:
        """`(N,)` radii to prove of which the size is left when all is taken off."""
        found: Floats = self.threat.geometry.outward(size, torch.from_numpy(x)).numpy() + self.slack
        return found

    def left(self, radius: Floats) -> Floats:
        """`(N,)` what the slack leaves of radii."""
        return np.zeros(len(radius)) if self.slack == np.inf else np.maximum(radius - self.slack, 0)

    # -- the bound by single trees ------------------------------------------------------------------------------------

    def bounds(self, x: Floats, own: Ints, size: Floats) -> Floats:
        """`(N, K)` no rival's lead over the own class is larger within `(N,)` sizes; -inf for the own class."""
        found = self.boxes.reached(x, size, self.norm)
        lead = self.boxes.value[found.leaf] - self.boxes.value[found.leaf, own[found.row]][:, None]
        key = found.row * len(self.boxes.root) + self.boxes.leaf_tree[found.leaf]
        most = np.maximum.reduceat(lead, np.flatnonzero(np.diff(key, prepend=-1)))
        total: Floats = most.reshape(len(x), len(self.boxes.root), -1).sum(1) + self.start - self.start[own][:, None]
        total[np.arange(len(x)), own] = -np.inf
        return total

    # -- one example --------------------------------------------------------------------------------------------------

    def refined(self, x: Sides, own: int, proved: float, many: int) -> tuple[float, Sides | None, bool]:
        """A radius, the nearest mislabelled input that was found, and whether it is the nearest.

        Args:
            x: `(features,)`.
            own: place of its class.
            proved: a radius that is proved already.
            many: examples whose time is shared.
        """
        case = _Case(self, x, own, many)
        proving = True
        for size in self.effort.sizes:
            wide = float(self.wide(size, x[None])[0])
            if wide <= proved:
                continue
            safe = case.decide(wide, proving)
            if safe:
                proved = wide
            proving = safe
            if case.point is not None:
                break
        if case.point is None:
            return proved, None, False
        exact = True  # where the example itself is as good as mislabelled
        if case.distance > proved:
            proved, exact = case.closed(proved)
        return (SAME * case.distance if exact else min(proved, SAME * case.distance)), case.point, exact

    def wrong(self, point: Sides, own: int) -> bool:
        """Whether `(features,)` an input is mislabelled for certain."""
        scores, known = self.boxes.scores(point)
        scores = scores / self.structure.divisor
        if not self.structure.off:
            return known and int(scores.argmax()) != own
        lead = scores - scores[own]
        return known and bool(lead.max() > self.structure.off)

    def right(self, point: Sides, own: int) -> bool:
        """Whether a model that compares as the boxes do labels `(features,)` an input right for certain."""
        scores = self.boxes.scores(point)[0] / self.structure.divisor
        if not self.structure.off:
            return int(scores.argmax()) == own
        return bool(np.delete(scores - scores[own], own).max(initial=-np.inf) < -self.structure.off)

    def settled(self, x: Sides, moved: Sides) -> Sides:
        """`(N, features)` inputs moved a little on, past where it is not known how they are compared."""
        if self._gaps is None:
            return moved
        feature, below, above = self._gaps
        moved = moved.copy()
        for _ in range(3):
            row, gap = np.nonzero((moved[:, feature] > below) & (moved[:, feature] < above))
            if not len(row):
                break
            place = feature[gap]
            up = moved[row, place] >= x[row, place]
            moved[row, place] = np.where(up, above[gap], below[gap])
        low, high = self.threat.clip or (-np.inf, np.inf)
        found: Sides = np.clip(moved, low, high).astype(np.float32)
        return found


class _Case:
    """One example."""

    def __init__(self, sums: Sum, x: Sides, own: int, many: int) -> None:
        self.sums, self.x, self.own, self.many = sums, x, own, many
        self.wide = x.astype(np.float64)
        self.work = WORK
        self.point: Sides | None = None
        """The nearest mislabelled input so far,"""
        self.distance = np.inf
        """and how far it is before it is settled."""

    def decide(self, size: float, proving: bool) -> bool:
        """Whether a ball is proved safe. What is found mislabelled there is kept; only that is tried unless proving."""
        sums = self.sums
        row = self.wide[None]
        found = sums.boxes.reached(row, np.array([size]), sums.norm)
        bounds = sums.bounds(row, np.array([self.own]), np.array([size]))[0]
        limits = sums.limits[self.own]
        rivals = [int(rival) for rival in np.argsort(-bounds, kind="stable") if bounds[rival] >= limits[rival]]
        balls: list[tuple[int, Ball]] = []
        for rival in rivals:
            constant = float(sums.start[rival] - sums.start[self.own])
            whole = ball(sums.boxes, found.leaf, self.own, rival, constant, self.wide, size)
            if whole.most < limits[rival]:
                continue
            balls.append((rival, whole))
        if sums.norm == "linf":
            for rival, whole in balls:
                self._climb(whole, float(limits[rival]))
        return self.distance > size and all(
            proving and self._proved(whole, float(limits[rival]), size) for rival, whole in balls
        )

    def _climb(self, whole: Ball, limit: float) -> None:
        """Look for an input nearer than the nearest so far; from one found, for still nearer ones."""
        at, last = self.x[whole.feature], self.x[whole.feature]
        while True:
            near = whole if self.distance == np.inf else narrowed(whole, at, SAME * self.distance)
            if not len(near.start) or near.most < limit:
                break
            starts = [np.clip(last, near.floor, near.ceiling), common(near, at)]
            point = climbed(near, at, limit, lambda each: self._wrong(whole, each), starts)
            if point is None or not self._keep(whole, point):
                break
            last = point

    def _proved(self, whole: Ball, limit: float, size: float) -> bool:
        few = merged(whole)
        if few.most < limit:
            return True
        at = self.x[few.feature]
        each = (1 + len(few.gain)) * (2 * CUTS + 8)
        search = Search(few, limit, at, size, self.sums.norm, lambda point: self._wrong(few, point),
                        lambda point: self._right(few, point))  # fmt: skip
        answer = search.run(self.work // each, lambda: self.sums.effort.is_over(self.many))
        self.work -= answer.nodes * each
        if answer.point is not None:
            self._keep(few, answer.point)
        return answer.safe

    def _placed(self, whole: Ball, point: Sides) -> Sides:
        moved = self.x.copy()
        moved[whole.feature] = point
        found: Sides = self.sums.settled(self.x[None], moved[None])[0]
        return found

    def _wrong(self, whole: Ball, point: Sides) -> bool:
        return self.sums.wrong(self._placed(whole, point), self.own)

    def _right(self, whole: Ball, point: Sides) -> bool:
        moved = self.x.copy()
        moved[whole.feature] = point
        return self.sums.right(moved, self.own)

    def _keep(self, whole: Ball, point: Sides) -> bool:
        """Whether it is nearer than all before."""
        apart = torch.from_numpy(point.astype(np.float64) - self.wide[whole.feature])[None]
        distance = float(self.sums.threat.geometry.lengths(apart)[0])
        if distance >= self.distance:
            return False
        self.point, self.distance = self._placed(whole, point), distance
        return True

    def closed(self, proved: float) -> tuple[float, bool]:
        """The largest radius that is proved, and whether nothing is mislabelled up to the input found."""
        for _ in range(64 if self.sums.norm == "linf" else STEPS):
            between = self._between(proved)
            if not len(between):
                return proved, True
            size = between[len(between) // 2]
            before = self.distance
            if self.decide(size, proving=True):
                proved = size
            elif self.distance >= before:
                break
        return proved, False

    def _between(self, proved: float) -> list[float]:
        """Ascending radii between what is proved and what was found: all at which more is reached, or the middle."""
        if self.sums.norm != "linf":
            return [(proved + self.distance) / 2]
        found = self.sums.boxes.reached(self.wide[None], np.array([self.distance]), "linf")
        low, high = (each[found.leaf].astype(np.float64) for each in (self.sums.boxes.low, self.sums.boxes.high))
        at = self.wide[np.maximum(self.sums.boxes.feature[found.leaf], 0)]
        ends = np.concatenate([(low - at).ravel(), (at - high).ravel()])
        return np.unique(ends[(ends > proved) & (ends < SAME * self.distance)]).tolist()  # type: ignore[no-any-return]


def nearest(structure: Trees, x: Tensor, y: Tensor, threat: Threat, sizes: Sequence[float]) -> Tensor:
    """Of `x`'s shape: mislabelled inputs, as near as climbing in balls of ascending sizes finds any; else the example.

    Args:
        structure: of at least one tree.
        x: `(N, *input_shape)` float32 inputs in the range, labelled right.
        y: `(N,)` their classes, among the structure's.
        threat: in L_inf.
        sizes: of the balls.
    """
    sums = Sum(structure, Boxes(structure, threat.clip), threat, Effort())
    own = (torch.tensor(structure.classes) == y[:, None]).long().argmax(1).tolist()
    flat = x.flatten(1).float().numpy().copy()
    for row in range(len(flat)):
        case = _Case(sums, flat[row].copy(), own[row], len(flat))
        for size in sizes:
            case.work = QUICK
            case.decide(size, proving=True)
            if case.point is not None:
                flat[row] = case.point
                break
    return torch.from_numpy(flat).to(x.dtype).view_as(x)


def _gaps(structure: Trees) -> tuple[Ints, Sides, Sides]:
    """Feature and ends of every place where it is not known how inputs are compared."""
    parts = [(tree.feature[tree.left >= 0], tree.threshold[tree.left >= 0], tree.above[tree.left >= 0])
             for tree in structure.trees]  # fmt: skip
    feature, below, above = (torch.cat(each).numpy() for each in zip(*parts, strict=True))
    return feature, below, above
