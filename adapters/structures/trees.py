"""Decision trees and sums of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from adapters.errors import Unsupported
from adapters.rounding import narrowed, sum_roundoff
from adapters.structures.base import Structure
from adapters.structures.linear import STEPS

INFINITY = torch.tensor(torch.inf)
EXACT = 2.0**40
"""Whole numbers up to this size, and their sums, are the same in float64 whatever the order."""


@dataclasses.dataclass(frozen=True)
class Tree:
    """`M` nodes, the first of which is the root. An input goes left where its feature is at most the threshold.

    Between the threshold and `above` it is not known where the model's own goes, since rounding decides: behind a
    scaling. Otherwise no float32 number is between them.
    """

    left: Tensor
    """`(M,)` int64 left child of each node, -1 at a leaf; children come after their parents."""
    right: Tensor
    feature: Tensor
    """`(M,)` int64 feature that a split looks at; anything at a leaf."""
    threshold: Tensor
    """`(M,)` float32: the largest input that goes left."""
    above: Tensor
    """`(M,)` float32: the smallest input that goes right."""
    value: Tensor
    """`(M, K)` float64 what a leaf adds to each class; anything at a split."""

    def __post_init__(self) -> None:
        """Raise ValueError unless every way down ends. It may come from a stranger's process."""
        count = len(self.left)
        for name in ("left", "right", "feature"):
            if getattr(self, name).dtype != torch.int64 or getattr(self, name).shape != (count,):
                raise ValueError(f"its {name} is not int64 of ({count},)")
        for name in ("threshold", "above"):
            if getattr(self, name).dtype != torch.float32 or getattr(self, name).shape != (count,):
                raise ValueError(f"its {name} is not float32 of ({count},)")
        if self.value.dtype != torch.float64 or self.value.ndim != 2 or len(self.value) != count or not count:
            raise ValueError("its value is not float64, a row a node")
        place, inner = torch.arange(count), self.left >= 0
        for child in (self.left, self.right):
            if bool(((child <= place) | (child >= count))[inner].any()):
                raise ValueError("a node lies above itself, or its child nowhere")
        if bool((self.feature < 0)[inner].any()) or not bool(self.value.isfinite().all()):
            raise ValueError("a feature is none, or a value not finite")
        if not bool((self.threshold <= self.above)[inner].all()):
            raise ValueError("a threshold is no number, or beyond what goes right")

    @classmethod
    def plain(cls, left: Tensor, right: Tensor, feature: Tensor, threshold: Tensor, value: Tensor) -> Tree:
        """One that compares float32 inputs as they are."""
        return cls(left, right, feature, threshold, torch.nextafter(threshold, INFINITY), value)

    def walked(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`(N,)` the leaf of each of `(N, features)` float32 inputs, and whether each comparison with it is known."""
        node, known = torch.zeros(len(x), dtype=torch.int64), torch.ones(len(x), dtype=torch.bool)
        while True:
            inner = self.left[node] >= 0
            if not inner.any():
                return node, known
            shown = x.gather(1, self.feature[node].clamp_min(0)[:, None])[:, 0]
            low = shown <= self.threshold[node]
            known &= low | (shown >= self.above[node]) | ~inner
            node = torch.where(inner, torch.where(low, self.left[node], self.right[node]), node)

    def leaves(self, x: Tensor) -> Tensor:
        """`(N,)` the leaf that each of `(N, features)` float32 inputs falls into."""
        return self.walked(x)[0]


@dataclasses.dataclass(frozen=True)
class Trees(Structure):
    """Scores are a start and, tree by tree, what the leaf that an input falls into adds; all over a divisor."""

    kind: ClassVar[str] = "trees"

    trees: tuple[Tree, ...]
    start: Tensor
    """`(K,)` float64."""
    divisor: float = 1.0
    off: float = 0.0
    """How far a difference of two of the model's own scores may be from the one here, which is in float64, tree by tree
    in their order."""

    def __post_init__(self) -> None:
        """Raise ValueError unless all trees are of the same classes and all numbers make sense."""
        super().__post_init__()
        count = len(self.classes)
        if not self.trees or any(tree.value.shape[1] != count for tree in self.trees):
            raise ValueError("it has no trees, or one of other classes")
        if self.start.dtype != torch.float64 or self.start.shape != (count,):
            raise ValueError(f"its start is not float64 of ({count},)")
        if not (bool(self.start.isfinite().all()) and 0 < self.divisor < torch.inf and 0 <= self.off < torch.inf):
            raise ValueError("its start, divisor or bound on rounding is out of range")

    def scores(self, x: Tensor) -> Tensor:
        return self.told(x)[0]

    def told(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, K)` scores, and `(N,)` whether every comparison on the way is known to be the model's own."""
        narrow = x.flatten(1).float()
        total, known = self.start.repeat(len(x), 1), torch.ones(len(x), dtype=torch.bool)
        for tree in self.trees:
            leaf, sure = tree.walked(narrow)
            total += tree.value[leaf]
            known &= sure
        return total / self.divisor, known

    def roundoff(self, x: Tensor) -> Tensor:
        """Infinite where a comparison is not known. Scores of plain trees are the model's own to the last bit."""
        off = torch.full((len(x),), self.off, dtype=torch.float64)
        return off if self.is_plain else off.masked_fill(~self.told(x)[1], torch.inf)

    @property
    def is_plain(self) -> bool:
        """Whether every comparison of every input is known."""
        return all(bool((tree.above <= torch.nextafter(tree.threshold, INFINITY)).all()) for tree in self.trees)

    @property
    def guard(self) -> float:
        """How far a difference of two of the model's own scores may be from one of sums in any order, in float64; 0
        where all sums are exact: of whole votes and their like.
        """
        if self.off == 0:
            small = 2.0**20 * torch.cat([self.start, *(tree.value[tree.left < 0].flatten() for tree in self.trees)])
            if bool((small == small.round()).all()) and self._size() * 2.0**20 <= EXACT:
                return 0.0
        return self.off * self.divisor + 4 * sum_roundoff(len(self.trees) + 1, torch.float64) * self._size()

    def _size(self) -> float:
        """The largest sum of sizes."""
        sizes = sum(float(tree.value[tree.left < 0].abs().max()) for tree in self.trees)
        return float(self.start.abs().max()) + sizes

    def scaled(self, slope: Tensor, offset: Tensor) -> Trees:
        """The arithmetic of a scaling never turns the order of two inputs round, so that comparisons that are not known
        do not contradict each other; different thresholds stay different.

        Raises:
            Unsupported: it is not known on which side of a threshold a constant is.
        """
        trees = [_scaled(tree, slope, offset) for tree in self.trees]
        inner = [tree.left >= 0 for tree in trees]

        def joined(name: str, of: Sequence[Tree]) -> Tensor:
            parts = [getattr(tree, name)[where] for tree, where in zip(of, inner, strict=True)]
            return torch.cat([*parts, getattr(leaf, name)[:0]])

        leaf = Tree.plain(*(torch.zeros(1, dtype=torch.int64) - 1,) * 3, torch.zeros(1), self.start[None])
        feature = joined("feature", trees)
        rank = joined("threshold", self.trees).double() * slope[feature].sign()
        below, above = _apart(feature, rank, joined("threshold", trees), joined("above", trees))
        sizes, found = [int(where.sum()) for where in inner], []
        for tree, where, low, high in zip(
            trees, inner, torch.split(below, sizes), torch.split(above, sizes), strict=True
        ):
            ends = [side.masked_scatter(where, end) for side, end in ((tree.threshold, low), (tree.above, high))]
            found.append(dataclasses.replace(tree, threshold=ends[0], above=ends[1]))
        return dataclasses.replace(self, trees=tuple(found))

    def spread(self, places: Tensor, features: int) -> Trees:
        def moved(tree: Tree) -> Tree:
            return dataclasses.replace(tree, feature=torch.where(tree.left < 0, 0, places[tree.feature.clamp_min(0)]))

        return dataclasses.replace(self, trees=tuple(map(moved, self.trees)))


def _scaled(tree: Tree, slope: Tensor, offset: Tensor) -> Tree:
    """A tree of `x` that is shown `slope * x + offset`; where the slope is negative, its sides change places."""
    inner = tree.left >= 0
    feature = torch.where(inner, tree.feature, 0)
    slope, offset = slope.double()[feature], offset.double()[feature]
    steep = torch.where(slope == 0, 1.0, slope)

    def at(threshold: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs that are certainly shown less than the threshold, and certainly more, if not for the side."""
        place = (threshold.double() - offset) / steep
        off = 2 * STEPS * (place.abs() + (offset / steep).abs()) + 1e-40
        low, high = place - off, place + off
        return torch.where(place.isinf(), place, low), torch.where(place.isinf(), place, high)

    up = slope > 0
    low = torch.where(up, at(tree.threshold)[0], at(tree.above)[0])
    high = torch.where(up, at(tree.above)[1], at(tree.threshold)[1])
    flat, off = inner & (slope == 0), STEPS * offset.abs()
    left, right = offset + off <= tree.threshold, offset - off >= tree.above
    if bool((flat & ~left & ~right).any()):
        raise Unsupported("nothing is known to be proved of trees behind a scaling to just one of their thresholds")
    always = torch.where(left, torch.inf, -torch.inf)  # goes left, or right
    low, high = torch.where(flat, always, low), torch.where(flat, always, high)
    turned = inner & (slope < 0)
    return Tree(
        torch.where(turned, tree.right, tree.left),
        torch.where(turned, tree.left, tree.right),
        tree.feature,
        narrowed(low, -1),
        narrowed(high, 1),
        tree.value,
    )


def _apart(feature: Tensor, rank: Tensor, below: Tensor, above: Tensor) -> tuple[Tensor, Tensor]:
    """Ends of what is not known of comparisons, moved outward until those of different ranks differ: in their order."""
    place = torch.from_numpy(np.lexsort((rank.numpy(), feature.numpy())))
    place = place[(below.isfinite() & above.isfinite())[place]]
    if not len(place):
        return below, above
    feature, rank = feature[place], rank[place]
    new_feature = torch.cat([torch.ones(1, dtype=torch.bool), feature.diff() != 0])
    step = torch.cat([torch.ones(1, dtype=torch.bool), (feature.diff() != 0) | (rank.diff() != 0)]).long().cumsum(0)
    block = new_feature.long().cumsum(0) * 2**33  # farther apart than any two float32 numbers: features never mix
    high = (_number(above[place]) - step + block).cummax(0).values - block + step
    low = ((_number(below[place]) - step + block).flip(0).cummin(0).values.flip(0)) - block + step
    below, above = below.clone(), above.clone()
    below[place], above[place] = _float(low), _float(high)
    return below, above


def _number(values: Tensor) -> Tensor:
    """`(N,)` float32 numbers as whole ones, in their order, one apart where no float32 is between."""
    bits = values.contiguous().view(torch.int32).long()
    return torch.where(bits >= 0, bits, -(bits & 0x7FFFFFFF))


def _float(numbers: Tensor) -> Tensor:
    bits = torch.where(numbers >= 0, numbers, numbers.neg() | 0x80000000)
    return torch.where(bits >= 2**31, bits - 2**32, bits).int().view(torch.float32)
