"""Decision trees and sums of them.

The inputs that fall into one leaf are a box. Of a single tree the nearest mislabelled input is the nearest of all boxes
whose leaf gives another label. Of a sum of trees that problem is NP-complete (Kantchelian, Tygar & Joseph 2016); what
is cheap is a bound: within a ball, each tree can add no more to a rival's lead than the best leaf that the ball reaches
does (Chen et al. 2019, the bound by single trees).
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from adapters.structures.base import Structure
from adapters.structures.trees import Tree, Trees
from bench.exact.base import Certificate, Effort, Proof
from bench.threats import Threat

SAME = 1 - 1e-12
"""A radius stops short of the distance at which something is mislabelled."""


Side = tuple[float, float]
"""Lowest and highest float32 value of a feature within a box."""


class TreesCertificate(Certificate):
    """One tree exactly, in L_inf, L2 and L1; several by a bound, in L_inf."""

    norms: ClassVar[Collection[str]] = ("linf", "l2", "l1")

    def prove(self, structure: Structure, x: Tensor, y: Tensor, threat: Threat, effort: Effort) -> Proof:
        assert isinstance(structure, Trees)
        flat = x.flatten(1).float()
        own = (torch.tensor(structure.classes) == y[:, None]).long().argmax(1)
        if len(structure.trees) == 1:
            radius, witness = _nearest(structure.trees[0], flat, own, threat)
            return Proof(radius, witness.to(x.dtype).view_as(x), torch.ones(len(x), dtype=torch.bool))
        radius = torch.zeros(len(x), dtype=torch.float64)
        if threat.norm == "linf":
            radius = _bounded(structure, flat, own, threat, effort)
        return Proof(radius, x, torch.zeros(len(x), dtype=torch.bool))


class _Boxes:
    """The boxes of a tree's `L` leaves that an input of the range can fall into, and how far inputs are from them.

    On the way down to a leaf each split narrows the box in one feature, so that its distance grows by what that side
    adds: all distances come from those of the nodes above.
    """

    def __init__(self, tree: Tree, clip: tuple[float, float] | None) -> None:
        left, right, feature = tree.left.tolist(), tree.right.tolist(), tree.feature.tolist()
        above = torch.nextafter(tree.threshold, torch.tensor(torch.inf)).tolist()
        below, (floor, ceiling) = tree.threshold.tolist(), clip or (-torch.inf, torch.inf)
        level: list[tuple[int, int, dict[int, Side]]] = [(0, 0, {})]
        steps: list[
            tuple[int, int, Side, Side]
        ] = []  # place of the node above, feature, the side there and the side here
        self._levels = [0]
        self.leaves: list[tuple[int, int, dict[int, Side]]] = []
        """Node, place among all nodes met, and for each feature that the box bounds its lowest and highest value."""
        while level:
            beneath = []
            for node, place, sides in level:
                if left[node] < 0:
                    self.leaves.append((node, place, sides))
                    continue
                old = sides.get(feature[node], (floor, ceiling))
                for child, new in (
                    (left[node], (old[0], min(old[1], below[node]))),
                    (right[node], (max(old[0], above[node]), old[1])),
                ):
                    if new[0] <= new[1]:
                        steps.append((place, feature[node], old, new))
                        beneath.append((child, len(steps), {**sides, feature[node]: new}))
            level = beneath
            self._levels.append(len(steps))
        self._above = torch.tensor([step[0] for step in steps], dtype=torch.int64)
        self._feature = torch.tensor([step[1] for step in steps], dtype=torch.int64)
        self._sides = [torch.tensor([step[part] for step in steps]).reshape(-1, 2).T for part in (2, 3)]

    def distances(self, x: Tensor, threat: Threat) -> Tensor:
        """`(N, L)` float64 distances of `(N, features)` float32 inputs within the range."""
        values = x[:, self._feature].double()
        old, new = ((values.clamp(*sides.double()) - values).abs() for sides in self._sides)
        power = {"linf": 1, "l1": 1, "l2": 2}[str(threat.norm)]
        adds = new if threat.norm == "linf" else new**power - old**power
        found = torch.zeros(len(x), 1 + adds.shape[1], dtype=torch.float64)
        for start, stop in pairwise(self._levels):
            so_far = found[:, self._above[start:stop]]
            here = adds[:, start:stop]
            found[:, 1 + start : 1 + stop] = so_far.maximum(here) if threat.norm == "linf" else so_far + here
        return found[:, [place for _, place, _ in self.leaves]] ** (1 / power)


def _nearest(tree: Tree, x: Tensor, own: Tensor, threat: Threat) -> tuple[Tensor, Tensor]:
    """`(N,)` distance of the nearest input that one tree mislabels, and that input."""
    boxes = _Boxes(tree, threat.clip)
    label = torch.tensor([int(tree.value[node].argmax()) for node, _, _ in boxes.leaves])
    distance = boxes.distances(x, threat).masked_fill(label == own[:, None], torch.inf)
    radius, nearest = distance.min(1)
    witness = x.clone()
    for row in radius.isfinite().nonzero()[:, 0].tolist():
        for feature, (low, high) in boxes.leaves[int(nearest[row])][2].items():
            witness[row, feature] = witness[row, feature].clamp(low, high)
    return SAME * radius, witness


def _bounded(structure: Trees, x: Tensor, own: Tensor, threat: Threat, effort: Effort) -> Tensor:
    """`(N,)` the largest radius that leaves one of the sizes and that no sum of the trees changes the label within."""
    radius, off = torch.zeros(len(x), dtype=torch.float64), structure.roundoff(x)
    open_ = torch.arange(len(x))
    for size in effort.sizes:
        if not len(open_) or effort.is_over(len(x)):
            break
        some, labels = x[open_], own[open_]
        reach = threat.geometry.outward(size, some)
        gain = torch.zeros(len(open_), len(structure.classes), dtype=torch.float64)
        for tree in structure.trees:
            gain += _most(tree, some, labels, reach, threat.clip)
        gain.scatter_(1, labels[:, None], -torch.inf)
        held = gain.amax(1) < -off[open_]
        open_ = open_[held]
        radius[open_] = reach[held]
    return radius


def _most(tree: Tree, x: Tensor, own: Tensor, reach: Tensor, clip: tuple[float, float] | None) -> Tensor:
    """`(N, K)` the most that one tree can add to each class over what it adds to the own one, within L_inf balls of
    `(N,)` radii.
    """
    low, high = x.double() - reach[:, None], x.double() + reach[:, None]
    if clip is not None:
        low, high = low.clamp_min(clip[0]), high.clamp_max(clip[1])
    most = torch.full((len(x), tree.value.shape[1]), -torch.inf, dtype=torch.float64)
    stack = [(0, torch.arange(len(x)))]
    while stack:
        node, rows = stack.pop()
        if tree.left[node] < 0:
            lead = tree.value[node] - tree.value[node][own[rows]][:, None]
            most[rows] = most[rows].maximum(lead)
            continue
        feature, threshold = int(tree.feature[node]), float(tree.threshold[node])
        for child, reaches in (
            (tree.left, low[rows, feature] <= threshold),
            (tree.right, high[rows, feature] > threshold),
        ):
            if reaches.any():
                stack.append((int(child[node]), rows[reaches]))
    return most
