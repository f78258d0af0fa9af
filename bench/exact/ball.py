"""What one ball leaves of a sum of trees: for one rival, groups of boxes of which every input lies in one each.

A group is a tree, or several merged into one: those that look at one feature only, whose sums are a step function of
it; and pairs of trees, whose leaves that have an input in common are the group's (Chen et al. 2019, arXiv 1906.03849,
cliques of a multi-partite graph: boxes that meet pairwise meet all together, hence cliques are what inputs fall into).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bench.exact.boxes import NONE, Boxes, Floats, Ints, Sides

FEW = 120
"""Groups up to which it is tried to merge pairs of them."""
MOST = 1500
"""Boxes of one merged group, at most."""
ALL = 6000
"""Boxes of all groups beyond which no more are merged."""


@dataclass(frozen=True)
class Ball:
    """`L` boxes in `G` groups, over the `f` features in which the ball leaves a choice."""

    feature: Ints
    """`(f,)`."""
    low: Sides
    """`(L, f)` lowest float32 value of each box in each feature, within the ball's own."""
    high: Sides
    gain: Floats
    """`(L,)` what a box adds to the rival's lead over the own class."""
    start: Ints
    """`(G,)` first box of each group."""
    floor: Sides
    """`(f,)` the ball's own sides."""
    ceiling: Sides
    constant: float
    """What is added to the lead all over the ball."""

    @property
    def most(self) -> float:
        """The rival's lead is nowhere in the ball larger."""
        return self.constant + (float(np.maximum.reduceat(self.gain, self.start).sum()) if len(self.start) else 0.0)


def ball(boxes: Boxes, leaf: Ints, own: int, rival: int, constant: float, x: Floats, size: float) -> Ball:
    """The ball of radius `size` around `(features,)` `x`, or a part that holds what it reaches.

    Args:
        boxes: of the trees.
        leaf: `(P,)` those that the ball reaches, tree by tree.
        own: column of the own class,
        rival: and of the rival's.
        constant: what is added to the lead all over.
        x: the input.
        size: the radius, in whatever norm: no feature is moved farther.
    """
    tree = boxes.leaf_tree[leaf]
    start = np.flatnonzero(np.diff(tree, prepend=-1))
    many = np.diff(np.append(start, len(tree)))
    both = boxes.value[leaf][:, [own, rival]]
    flat = (np.maximum.reduceat(both, start) == np.minimum.reduceat(both, start)).all(1)
    gain = both[:, 1] - both[:, 0]
    constant += float(gain[start[flat]].sum())
    kept = np.repeat(~flat, many)
    leaf, gain, tree = leaf[kept], gain[kept], tree[kept]
    feature, low, high = boxes.feature[leaf], boxes.low[leaf], boxes.high[leaf]
    known = feature != NONE
    used = np.unique(feature[known])
    floor = _outward(np.maximum(x[used] - size, boxes.clip[0]), -np.inf)
    ceiling = _outward(np.minimum(x[used] + size, boxes.clip[1]), np.inf)
    place = np.searchsorted(used, np.where(known, feature, used[0] if len(used) else 0))
    wide_low, wide_high = np.tile(floor, (len(leaf), 1)), np.tile(ceiling, (len(leaf), 1))
    row, column = np.nonzero(known)
    wide_low[row, place[known]] = np.maximum(low[row, column], floor[place[known]])
    wide_high[row, place[known]] = np.minimum(high[row, column], ceiling[place[known]])
    inside = (wide_low <= wide_high).all(1)  # rounding of the ball's sides apart, all are
    choice = ((wide_low > floor) | (wide_high < ceiling)).any(0)
    keep = np.flatnonzero(inside)
    start = np.flatnonzero(np.diff(tree[keep], prepend=-1))
    whole = Ball(used[choice], wide_low[np.ix_(keep, choice)], wide_high[np.ix_(keep, choice)], gain[keep], start,
                 floor[choice], ceiling[choice], constant)  # fmt: skip
    return _by_feature(whole)


def _outward(values: Floats, towards: float) -> Sides:
    """Float32 numbers not above, or not below."""
    near = values.astype(np.float32)
    over = near > values if towards < 0 else near < values
    return np.where(over, np.nextafter(near, np.float32(towards)), near)


def _by_feature(whole: Ball) -> Ball:
    """With all groups that choose by one feature merged, feature by feature."""
    if not len(whole.start):
        return whole
    bound = (whole.low > whole.floor) | (whole.high < whole.ceiling)
    of_group = np.logical_or.reduceat(bound, whole.start, axis=0)
    single = of_group.sum(1) == 1
    only = np.where(single, of_group.argmax(1), -1)
    group = _group(whole)
    low, high, gain, sizes = [], [], [], []
    for place in np.unique(only[single]):
        rows = np.flatnonzero(only[group] == place)
        if len(np.unique(group[rows])) < 2:
            only[group[rows]] = -1
            continue
        edges, sums = _steps(whole, rows, group[rows], int(place))
        wide_low, wide_high = np.tile(whole.floor, (len(sums), 1)), np.tile(whole.ceiling, (len(sums), 1))
        wide_low[:, place] = edges
        wide_high[:-1, place] = np.nextafter(edges[1:], np.float32(-np.inf))
        low.append(wide_low)
        high.append(wide_high)
        gain.append(sums)
        sizes.append(len(sums))
    left = only[group] < 0
    low, high, gain = [whole.low[left], *low], [whole.high[left], *high], [whole.gain[left], *gain]
    sizes = [*np.bincount(group, minlength=len(whole.start))[only < 0].tolist(), *sizes]
    return Ball(whole.feature, np.concatenate(low), np.concatenate(high), np.concatenate(gain),
                np.cumsum([0, *sizes])[:-1], whole.floor, whole.ceiling, whole.constant)  # fmt: skip


def _steps(whole: Ball, rows: Ints, group: Ints, place: int) -> tuple[Sides, Floats]:
    """The sum of groups that choose by one feature: where each step begins, and its height."""
    low, high, gain = whole.low[rows, place], whole.high[rows, place], whole.gain[rows]
    after = np.nextafter(high, np.float32(np.inf))
    edges = np.unique(np.concatenate([low, after[after <= whole.ceiling[place]]]))
    sums = np.zeros(len(edges))
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    for begin, end in zip(starts, np.append(starts[1:], len(rows)), strict=True):
        there = (low[begin:end, None] <= edges) & (edges <= high[begin:end, None])
        sums += np.where(there, gain[begin:end, None], -np.inf).max(0)
    inside = np.isfinite(sums)  # where rounding outward adds a step that the ball does not reach, a group has no box
    return edges[inside], sums[inside]


def merged(whole: Ball) -> Ball:
    """With pairs of groups merged, the smallest first, as long as boxes do not become too many."""
    starts = np.append(whole.start, len(whole.gain))
    if not 1 < len(whole.start) <= FEW:
        return whole
    groups = [(whole.low[a:b], whole.high[a:b], whole.gain[a:b]) for a, b in pairwise(starts.tolist())]
    bound = np.logical_or.reduceat((whole.low > whole.floor) | (whole.high < whole.ceiling), whole.start, axis=0)
    count = np.diff(starts).astype(np.float64)
    total, alive = len(whole.gain), np.ones(len(groups), dtype=bool)
    shared = np.triu(bound.astype(np.float64) @ bound.T, 1)
    cost = np.where((shared > 0) & (np.outer(count, count) <= 20 * MOST), np.outer(count, count) / (1 + shared), np.inf)
    while True:
        a, b = np.unravel_index(int(cost.argmin()), cost.shape)
        if not np.isfinite(cost[a, b]):
            break
        both = _pair(groups[a], groups[b])
        more = len(both[2]) - len(groups[a][2]) - len(groups[b][2])
        if len(both[2]) > MOST or total + more > ALL:
            cost[a, b] = np.inf
            continue
        total, groups[a], count[a], alive[b] = total + more, both, len(both[2]), False
        bound[a] |= bound[b]
        cost[b], cost[:, b] = np.inf, np.inf
        shared = (bound @ bound[a].astype(np.float64)) * alive
        worth = np.where((shared > 0) & (count * count[a] <= 20 * MOST), count * count[a] / (1 + shared), np.inf)
        cost[a, a + 1 :], cost[:a, a] = worth[a + 1 :], worth[:a]
    kept = [group for group, is_alive in zip(groups, alive, strict=True) if is_alive]
    low, high, gain = (np.concatenate([group[part] for group in kept]) for part in range(3))
    start = np.cumsum([0, *(len(group[2]) for group in kept)])[:-1]
    return Ball(whole.feature, low, high, gain, start, whole.floor, whole.ceiling, whole.constant)


def _pair(one: tuple[Sides, Sides, Floats], two: tuple[Sides, Sides, Floats]) -> tuple[Sides, Sides, Floats]:
    """The boxes that two groups have in common."""
    meet: NDArray[np.bool_] = np.ones((len(one[2]), len(two[2])), dtype=bool)
    for place in range(one[0].shape[1]):
        meet &= one[0][:, place, None] <= two[1][:, place]
        meet &= two[0][:, place] <= one[1][:, place, None]
    a, b = np.nonzero(meet)
    return np.maximum(one[0][a], two[0][b]), np.minimum(one[1][a], two[1][b]), one[2][a] + two[2][b]


def _group(whole: Ball) -> Ints:
    """`(L,)` which group each box is of."""
    return np.repeat(np.arange(len(whole.start)), np.diff(np.append(whole.start, len(whole.gain))))
