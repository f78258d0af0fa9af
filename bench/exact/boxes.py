"""The leaves of all trees of a sum as boxes, and which of them a ball reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from adapters.structures.trees import Trees

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Sides = NDArray[np.float32]
POWER = {"linf": 1, "l1": 1, "l2": 2}
"""To which the distance in a feature is raised before distances of features are added, or the largest is taken."""
NONE = -1
"""Feature of an unused place in a list of bounds."""


@dataclass(frozen=True)
class Reached:
    """Pairs of a row and a leaf that its ball reaches, row by row and tree by tree."""

    row: Ints
    leaf: Ints
    distance: Floats
    """Of the row from the leaf's box."""


class Boxes:
    """Of each of `L` leaves the bounds on features that the way to it sets, within a range.

    Boxes that no input of the range is in are left out. What is between a threshold and the smallest input that goes
    right for certain counts as right here; a radius is the less for it (`Sum.slack`). On the way down each split
    narrows one feature, so that the distance from a node's box grows by what that side adds: distances come from those
    of the nodes above.
    """

    leaf_tree: Ints
    """`(L,)` ascending."""
    value: Floats
    """`(L, K)` what each leaf adds."""
    feature: Ints
    """`(L, d)` features that the box bounds, then `NONE`."""
    low: Sides
    """`(L, d)` lowest float32 value of each, and highest."""
    high: Sides

    def __init__(self, structure: Trees, clip: tuple[float, float] | None) -> None:
        trees = structure.trees
        sizes = [len(tree.left) for tree in trees]
        self.root: Ints = np.cumsum([0, *sizes])[:-1]
        shift = np.repeat(self.root, sizes)
        joined = {name: np.concatenate([getattr(tree, name).numpy() for tree in trees])
                  for name in ("left", "right", "feature", "threshold", "above", "value")}  # fmt: skip
        self.is_leaf = joined["left"] < 0
        self.left: Ints = np.where(self.is_leaf, -1, joined["left"] + shift)
        self.right: Ints = np.where(self.is_leaf, -1, joined["right"] + shift)
        self.split: Ints = np.where(self.is_leaf, 0, joined["feature"])
        self._upto, self._above, self._value = joined["threshold"], joined["above"], joined["value"]
        self._start: Floats = structure.start.numpy()[None]
        with np.errstate(over="ignore"):
            self._from = np.nextafter(joined["threshold"], np.float32(np.inf))
        self.clip = _widened(structure, clip)
        count = len(self.is_leaf)
        self._before, self._here = np.zeros((2, count)), np.zeros((2, count))  # sides of the feature above a node
        self._open = np.zeros(count, dtype=bool)  # nodes that an input of the range reaches
        self._walk(np.repeat(np.arange(len(trees)), sizes))

    def _walk(self, tree_of: Ints) -> None:
        """Go down level by level, all trees at once, with the bounds so far."""
        level, width = self.root, 1
        feature: Ints = np.full((len(level), width), NONE)
        low, high = (np.full((len(level), width), end, dtype=np.float32) for end in self.clip)
        done: list[tuple[Ints, Ints, Sides, Sides]] = []
        self._open[level] = True
        while len(level):
            leaf = self.is_leaf[level]
            done.append((level[leaf], feature[leaf], low[leaf], high[leaf]))
            level, feature, low, high = level[~leaf], feature[~leaf], low[~leaf], high[~leaf]
            if not len(level):
                break
            place, feature, low, high = self._placed(self.split[level], feature, low, high)
            rows, parts = np.arange(len(level)), []
            for child, sides, ends in ((self.left, high, self._upto), (self.right, low, self._from)):
                node, narrowed = child[level], sides.copy()
                take = np.minimum if sides is high else np.maximum
                narrowed[rows, place] = take(sides[rows, place], ends[level])
                new = (low, narrowed) if sides is high else (narrowed, high)
                self._before[:, node] = low[rows, place], high[rows, place]
                self._here[:, node] = new[0][rows, place], new[1][rows, place]
                alive = new[0][rows, place] <= new[1][rows, place]
                self._open[node] = alive
                parts.append((node[alive], feature[alive], new[0][alive], new[1][alive]))
            level, feature, low, high = (np.concatenate(each) for each in zip(*parts, strict=True))
        self._gather(done, tree_of)

    def _placed(self, split: Ints, feature: Ints, low: Sides, high: Sides) -> tuple[Ints, Ints, Sides, Sides]:
        """Where in each row's list of bounds a feature is, with new places where it is not."""
        same = feature == split[:, None]
        place = np.where(same.any(1), same.argmax(1), (feature != NONE).sum(1))
        if place.max() >= feature.shape[1]:
            more = max(2, feature.shape[1] // 2)
            feature = np.pad(feature, ((0, 0), (0, more)), constant_values=NONE)
            low, high = (np.pad(each, ((0, 0), (0, more)), constant_values=end)
                         for each, end in zip((low, high), self.clip, strict=True))  # fmt: skip
        feature = feature.copy()
        feature[np.arange(len(place)), place] = split
        return place, feature, low, high

    def _gather(self, done: list[tuple[Ints, Ints, Sides, Sides]], tree_of: Ints) -> None:
        width = max(int((feature != NONE).sum(1).max(initial=0)) for _, feature, _, _ in done)
        node = np.concatenate([each[0] for each in done])
        order = np.argsort(tree_of[node], kind="stable")

        def joined(part: int, fill: float) -> Any:
            cut = [each[part][:, :width] for each in done]
            wide = [np.pad(each, ((0, 0), (0, width - each.shape[1])), constant_values=fill) for each in cut]
            return np.concatenate(wide)[order]

        self.feature, self.low, self.high = joined(1, NONE), joined(2, self.clip[0]), joined(3, self.clip[1])
        node = node[order]
        self.leaf_tree, self.value = tree_of[node], self._value[node]
        self._leaf_at = np.full(len(self.is_leaf), -1)
        self._leaf_at[node] = np.arange(len(node))

    def scores(self, x: Sides) -> tuple[Floats, bool]:
        """`(K,)` sums of what the leaves of `(features,)` an input add to the start, tree by tree as the structure has
        them, and whether every comparison on the way is known.
        """
        node, known = self.root, True
        while True:
            inner = ~self.is_leaf[node]
            if not inner.any():
                break
            shown, at = x[self.split[node]], node
            low = shown <= self._upto[at]
            known = known and bool((low | (shown >= self._above[at]) | ~inner).all())
            node = np.where(inner, np.where(low, self.left[at], self.right[at]), at)
        added: Floats = np.concatenate([self._start, self._value[node]]).cumsum(0)[-1]  # which adds one by one
        return added, known

    def reached(self, x: Floats, size: Floats, norm: str) -> Reached:
        """The leaves whose boxes are at most `(N,)` `size` away from `(N, features)` inputs within the range."""
        power = POWER[norm]
        row = np.repeat(np.arange(len(x)), len(self.root))
        node, so_far = np.tile(self.root, len(x)), np.zeros(len(row))
        most = size**power * (1 + 1e-12)
        found: list[tuple[Ints, Ints, Floats]] = []
        while len(row):
            leaf = self.is_leaf[node]
            found.append((row[leaf], self._leaf_at[node[leaf]], so_far[leaf]))
            row, node, so_far = row[~leaf], node[~leaf], so_far[~leaf]
            shown, parts = x[row, self.split[node]], []
            for child in (self.left[node], self.right[node]):
                new = _apart(shown, *self._here[:, child])
                if norm == "linf":
                    there = np.maximum(so_far, new)
                else:
                    there = so_far + (new**power - _apart(shown, *self._before[:, child]) ** power)
                near = self._open[child] & (there <= most[row])
                parts.append((row[near], child[near], there[near]))
            row, node, so_far = (np.concatenate(each) for each in zip(*parts, strict=True))
        ends = Reached(*(np.concatenate(each) for each in zip(*found, strict=True)))
        order = np.lexsort((ends.leaf, ends.row))
        return Reached(ends.row[order], ends.leaf[order], np.maximum(ends.distance[order], 0) ** (1 / power))


def _widened(structure: Trees, clip: tuple[float, float] | None) -> tuple[float, float]:
    """The range; all finite numbers where there is none. Where its low end lies between a threshold and what is above,
    down to the threshold: an input there may go left, too.
    """
    most = float(np.finfo(np.float32).max)
    low, high = (-most, most) if clip is None else clip
    if structure.is_plain:
        return low, high
    sides = [(tree.threshold[tree.left >= 0].double(), tree.above[tree.left >= 0].double()) for tree in structure.trees]
    below, above = (torch.cat(side) for side in zip(*sides, strict=True))
    over = below[(below < low) & (low < above)]
    return max(-most, min(low, *over.tolist(), low)), high


def _apart(shown: Floats, low: Floats, high: Floats) -> Floats:
    return np.maximum(np.maximum(low - shown, shown - high), 0.0)
