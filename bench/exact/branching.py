"""Branch and bound within a ball: whether any input of it gives a rival the lead.

A node is a box, kept as the set of boxes of the trees that it meets. The largest gain of each group there bounds the
lead. Where the boxes of largest gain have an input in common, the bound is attained; else two of them are apart in a
feature, and the node is cut in two there. (Boxes that each meet a box, and each other, meet it together, so the set of
a child follows from its parent's and the cut alone.) It is the search of Kantchelian, Tygar & Joseph 2016 by hand, in
place of an integer programme; Devos, Meert & Davis 2021 (Veritas) branch over leaves of trees where this cuts features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.exact.ball import Ball
from bench.exact.boxes import POWER, Floats, Ints, Sides

AT_ONCE = 32
"""Nodes at a time, at most,"""
CELLS = 2**22
"""and as few as keep tables of groups and cuts below so many cells."""
CUTS = 12
"""Cuts of which the bounds of both sides are compared, a node."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Answer:
    """What was found out of a ball."""

    safe: bool
    """Nothing in the ball gives the rival the lead."""
    point: Sides | None
    """`(f,)` values of the ball's features that do."""
    nodes: int
    """Nodes that it took."""


class Search:
    """One ball, one rival."""

    def __init__(self, ball: Ball, limit: float, x: Sides, size: float, norm: str, wrong: Callable[[Sides], bool],
                 right: Callable[[Sides], bool]) -> None:  # fmt: skip
        """
        Args:
            ball: the groups of boxes.
            limit: leads below it are certainly none.
            x: `(f,)` the input in the ball's features.
            size: the radius.
            norm: the norm.
            wrong: whether an input with `(f,)` values of the ball's features is mislabelled for certain.
            right: whether it is for certain none that the rival leads in.
        """
        self.ball, self.limit, self.norm, self.wrong, self.right = ball, limit, norm, wrong, right
        self.x: Floats = x.astype(np.float64)
        self.most = size ** POWER[norm] * (1 + 1e-12)
        self.group = np.repeat(np.arange(len(ball.start)), np.diff(np.append(ball.start, len(ball.gain))))
        self._cuts()

    def _cuts(self) -> None:
        """Every place where a box ends: the feature, the last value of the lower side, and who is on either."""
        ball = self.ball
        places, lasts = [], []
        for place in range(len(ball.feature)):
            ends = [ball.high[:, place], np.nextafter(ball.low[:, place], np.float32(-np.inf))]
            last = np.unique(np.concatenate(ends))
            last = last[(last >= ball.floor[place]) & (last < ball.ceiling[place])]
            places.append(np.full(len(last), place))
            lasts.append(last)
        self.place = np.concatenate([*places, np.zeros(0, dtype=np.int64)]).astype(np.int64)
        self.last = np.concatenate([*lasts, np.zeros(0, dtype=np.float32)]).astype(np.float32)
        self.below: Bools = self.last[:, None] >= ball.low[:, self.place].T
        self.beyond: Bools = self.last[:, None] < ball.high[:, self.place].T

    def run(self, budget: int, is_over: Callable[[], bool]) -> Answer:
        """Search through at most about `budget` nodes; neither safe nor a point where that, or the time, is over."""
        ball = self.ball
        if not len(ball.start):
            itself = self.x.astype(np.float32)  # all of the ball is scored as the input is
            return Answer(ball.constant < self.limit or self.right(itself), None, 0)
        masks, low, high = np.ones((1, len(ball.gain)), dtype=bool), ball.floor[None], ball.ceiling[None]
        bound, nodes, doubtful = np.array([ball.most]), 0, False
        at_once = max(1, min(AT_ONCE, CELLS // max(1, len(ball.start) * len(self.place))))
        alive = bound >= self.limit
        masks, low, high, bound = masks[alive], low[alive], high[alive], bound[alive]
        while len(bound):
            if nodes >= budget or is_over():
                return Answer(False, None, nodes)
            now = slice(max(0, len(bound) - at_once), None)  # the last are the most promising
            here = masks[now], low[now], high[now]
            masks, low, high, bound = masks[: now.start], low[: now.start], high[: now.start], bound[: now.start]
            nodes += len(here[0])
            top, point, settled = self._tops(*here)
            for row in np.flatnonzero(settled):
                if self.wrong(point[row]):
                    return Answer(False, point[row], nodes)
                doubtful = doubtful or not self.right(point[row])
            rest = ~settled
            if settled.any():  # too close to call by bounds, for some boxes at least
                rest |= self._others(here[0])
            if not len(self.place):  # the ball is one box of each group
                doubtful |= bool(rest.any())
                break
            new = self._children(here[0][rest], here[1][rest], here[2][rest], top[rest], point[rest])
            order = np.argsort(new[3], kind="stable")
            masks, low = np.concatenate([masks, new[0][order]]), np.concatenate([low, new[1][order]])
            high, bound = np.concatenate([high, new[2][order]]), np.concatenate([bound, new[3][order]])
        return Answer(not doubtful, None, nodes)

    def _tops(self, masks: Bools, low: Sides, high: Sides) -> tuple[Ints, Sides, Bools]:
        """Of each node the box of largest gain of each group, the input nearest to those, and whether they hold it."""
        ball = self.ball
        gain = np.where(masks, ball.gain, -np.inf)
        best = np.maximum.reduceat(gain, ball.start, axis=1)
        at = np.where(gain == best[:, self.group], np.arange(len(ball.gain)), len(ball.gain))
        top = np.minimum.reduceat(at, ball.start, axis=1)
        low, high = low.copy(), high.copy()
        for group in range(top.shape[1]):
            np.maximum(low, ball.low[top[:, group]], out=low)
            np.minimum(high, ball.high[top[:, group]], out=high)
        together = (low <= high).all(1)
        point = np.clip(self.x, low, np.maximum(low, high)).astype(np.float32)
        return top, point, together & (self._length(point) <= self.most)

    def _others(self, masks: Bools) -> Bools:
        """Whether boxes other than those of largest gain may give the rival the lead, too. Boxes that cannot, whatever
        the other groups add, are taken out of the masks.
        """
        gain = np.where(masks, self.ball.gain, -np.inf)
        best = np.maximum.reduceat(gain, self.ball.start, axis=1)
        bound = best.sum(1) + self.ball.constant
        masks &= bound[:, None] - best[:, self.group] + gain >= self.limit
        left: Ints = np.add.reduceat(masks, self.ball.start, axis=1, dtype=np.int64)
        many: Bools = left.max(1) > 1
        return many

    def _length(self, point: Sides) -> Floats:
        """Distances, to the power that they are added in."""
        moved = np.abs(point - self.x)
        found: Floats = moved.max(1) if self.norm == "linf" else (moved ** POWER[self.norm]).sum(1)
        return found

    def _children(self, masks: Bools, low: Sides, high: Sides, top: Ints,
                  point: Sides) -> tuple[Bools, Sides, Sides, Floats]:  # fmt: skip
        """Both sides of the best cut of each node, those of them that are not decided."""
        gain = np.where(masks, self.ball.gain, -np.inf)
        best = np.maximum.reduceat(gain, self.ball.start, axis=1)
        spread = best - np.minimum.reduceat(np.where(masks, self.ball.gain, np.inf), self.ball.start, axis=1) + 1e-12
        out_low = np.einsum("ng,nsg->ns", spread, ~self.below.T[top].swapaxes(1, 2))
        out_high = np.einsum("ng,nsg->ns", spread, ~self.beyond.T[top].swapaxes(1, 2))
        within = (self.last >= low[:, self.place]) & (self.last < high[:, self.place])
        worth = np.where(within, np.minimum(out_low, out_high) + 1e-3 * (out_low + out_high), -np.inf)
        if self.norm != "linf":  # where they do meet, but too far away: cut off what is nearer
            far = np.abs(point - self.x)[:, self.place]
            worth = worth + 1e-9 * np.where(within, far, 0)
        cuts = np.argsort(-worth, axis=1, kind="stable")[:, :CUTS]
        rows = np.arange(len(masks))[:, None]
        sides = [masks[:, None] & side[cuts] for side in (self.below, self.beyond)]
        bounds = [self._bound(each) for each in sides]
        worse = np.where(within[rows, cuts], np.maximum(*bounds) + 1e-3 * np.minimum(*bounds), np.inf)
        chosen = worse.argmin(1)
        parts = []
        row, cut = rows[:, 0], cuts[rows[:, 0], chosen]
        for upper, (each, bound) in enumerate(zip(sides, bounds, strict=True)):
            new_low, new_high = low.copy(), high.copy()
            if upper:
                new_low[row, self.place[cut]] = np.nextafter(self.last[cut], np.float32(np.inf))
            else:
                new_high[row, self.place[cut]] = self.last[cut]
            near = self._length(np.clip(self.x, new_low, new_high)) <= self.most
            open_ = (bound[row, chosen] >= self.limit) & near
            parts.append((each[row, chosen][open_], new_low[open_], new_high[open_], bound[row, chosen][open_]))
        masks, low, high, bound = (np.concatenate(each) for each in zip(*parts, strict=True))
        return masks, low, high, bound

    def _bound(self, masks: Bools) -> Floats:
        gain = np.where(masks, self.ball.gain, -np.inf)
        found: Floats = np.maximum.reduceat(gain, self.ball.start, axis=-1).sum(-1) + self.ball.constant
        return found
