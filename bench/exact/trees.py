"""Decision trees and sums of them.

The inputs that fall into one leaf are a box. Of a single tree the nearest mislabelled input is the nearest of all boxes
whose leaf gives another label. Of a sum of trees that problem is NP-complete (Kantchelian, Tygar & Joseph 2016). What
is cheap is a bound: within a ball, each tree can add no more to a rival's lead than the best leaf that the ball reaches
does (Chen et al. 2019, the bound by single trees). What that leaves open `bench.exact.sums` takes, one by one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapters.structures.base import Structure
from adapters.structures.trees import Trees
from bench.exact.base import Certificate, Effort, Proof
from bench.exact.boxes import NONE, Boxes, Floats, Ints, Sides
from bench.exact.sums import SAME, Sum
from bench.threats import Threat

PAIRS = 2**21
"""Pairs of an input and a leaf held at once, about."""


class TreesCertificate(Certificate):
    """One tree exactly; several exactly where the search for the nearest mislabelled input ends, else by a bound."""

    norms: ClassVar[Collection[str]] = ("linf", "l2", "l1")

    def prove(self, structure: Structure, x: Tensor, y: Tensor, threat: Threat, effort: Effort) -> Proof:
        assert isinstance(structure, Trees)
        flat = x.flatten(1).float().numpy()
        own = (torch.tensor(structure.classes) == y[:, None]).long().argmax(1).numpy()
        radius, exact, witness = np.zeros(len(x)), np.zeros(len(x), dtype=bool), flat.copy()
        able = np.isfinite(flat).all(1)
        if threat.clip is not None:
            able &= (flat >= threat.clip[0]).all(1) & (flat <= threat.clip[1]).all(1)
        rows = np.flatnonzero(able)
        if len(rows):
            boxes = Boxes(structure, threat.clip)
            prove = _single if len(structure.trees) == 1 and not structure.off else _several
            radius[rows], witness[rows], exact[rows] = prove(structure, boxes, flat[rows], own[rows], threat, effort)
        return Proof(
            torch.from_numpy(radius), torch.from_numpy(witness).to(x.dtype).view_as(x), torch.from_numpy(exact)
        )


def _single(
    structure: Trees, boxes: Boxes, x: Sides, own: Ints, threat: Threat, effort: Effort
) -> tuple[Floats, Sides, NDArray[np.bool_]]:
    """Ever larger balls, until one reaches a leaf of another label."""
    label = (structure.start.numpy() + boxes.value).argmax(1)
    radius, nearest = np.full(len(x), np.inf), np.full(len(x), -1)
    left, wide = np.arange(len(x)), x.astype(np.float64)
    size = effort.sizes[0] if effort.sizes else 0.01
    for turn in range(12):
        if not len(left):
            break
        size = np.inf if turn == 11 else 4 * size
        step = max(1, PAIRS // len(label)) if turn == 11 else 4096
        for rows in (left[start : start + step] for start in range(0, len(left), step)):
            found = boxes.reached(wide[rows], np.full(len(rows), size), str(threat.norm))
            other = label[found.leaf] != own[rows][found.row]
            row, leaf, apart = (each[other] for each in (found.row, found.leaf, found.distance))
            order = np.lexsort((apart, row))
            first = order[np.flatnonzero(np.diff(row[order], prepend=-1))]
            radius[rows[row[first]]], nearest[rows[row[first]]] = apart[first], leaf[first]
        left = left[nearest[left] < 0]
    there = np.flatnonzero(nearest >= 0)
    witness = x.copy()
    known = boxes.feature[nearest[there]] != NONE
    row, column = np.nonzero(known)
    feature, leaf = boxes.feature[nearest[there]][known], nearest[there][row]
    old = x[there[row], feature]
    witness[there[row], feature] = np.clip(old, boxes.low[leaf, column], boxes.high[leaf, column])
    sums = Sum(structure, boxes, threat, effort)
    return sums.left(SAME * radius), sums.settled(x, witness), np.ones(len(x), dtype=bool)


def _several(
    structure: Trees, boxes: Boxes, x: Sides, own: Ints, threat: Threat, effort: Effort
) -> tuple[Floats, Sides, NDArray[np.bool_]]:
    """The bound by single trees, size by size; then a search, for every example of which that is not all."""
    sums = Sum(structure, boxes, threat, effort)
    radius, witness, exact = np.zeros(len(x)), x.copy(), np.zeros(len(x), dtype=bool)
    left, wide = np.arange(len(x)), x.astype(np.float64)
    for size in effort.sizes:
        step = max(1, min(256, PAIRS // len(boxes.root) // 16))
        held = []
        for rows in (left[start : start + step] for start in range(0, len(left), step)):
            if effort.is_over(len(x)):
                break
            sizes = sums.wide(size, x[rows])
            safe = (sums.bounds(wide[rows], own[rows], sizes) < sums.limits[own[rows]]).all(1)
            radius[rows[safe]] = sizes[safe]
            held.append(rows[safe])
        left = np.concatenate([*held, left[:0]])
    for row in range(len(x)):
        if effort.is_over(len(x)):
            break
        radius[row], point, exact[row] = sums.refined(x[row], int(own[row]), float(radius[row]), len(x))
        if point is not None:
            witness[row] = point
    return sums.left(radius), witness, exact
