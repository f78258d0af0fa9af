"""Decision trees with relaxed splits: what a forest of steps looks like through a gradient.

At a split of feature f at t an input goes left with the share (1 + z / (1 + |z|)) / 2, z = (t - x_f) / T. A sigmoid is
as strong an attack, but this share's tail is heavy: a product of many far splits neither
underflows nor goes through slow denormal numbers, so that no gradient vanishes. The relaxed sum of a class is the share
of each leaf times the leaf's value for the class, over all leaves of all trees.

What has no place on an axis stays a step: categorical splits, splits of missing values from others, and all splits that
a missing value (NaN) meets. Their share is 1 or next to nothing, and they give no gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from adapters.base import Movable
from adapters.precision import ROUGH
from adapters.threads import one_thread
from adapters.trees.arrays import TreeArrays, in_left, node_tables

NODES, EXAMPLES = 4096, 256
"""Trees are walked in blocks of about so many nodes and inputs: what one block needs stays in tens of megabytes."""


class Block(Movable):
    """Some trees, walked level by level together.

    Splits and leaves are numbered in the order of the walk: level by level, and in a level as they follow from the
    splits above, both children of one split beside each other. A level holds the positions of its splits and leaves.
    """

    def __init__(self, trees: list[TreeArrays], width: float | NDArray[np.float64]) -> None:
        """Take trees of one number of classes, and T of all splits or `(D,)` of those of each feature."""
        nodes = node_tables(trees, np.float64)
        left, right = nodes["left"], nodes["right"]
        is_split = left != np.arange(len(left))
        level, splits, leaves = nodes["root"], [], []
        self.trees = len(trees)
        self.levels: list[tuple[Tensor, Tensor]] = []
        while len(level):
            here = is_split[level]
            self.levels.append((torch.tensor(here.nonzero()[0]), torch.tensor((~here).nonzero()[0])))
            splits.append(level[here])
            leaves.append(level[~here])
            level = np.stack([left[level[here]], right[level[here]]], axis=1).ravel()
        split, leaf = np.concatenate(splits), np.concatenate(leaves)
        features = nodes["feature"][split]
        self.features = torch.tensor(features)
        self.width = width if isinstance(width, float) else torch.tensor(width[features])[:, None]
        self.thresholds = torch.tensor(nodes["threshold"][split])
        self.missing_left = torch.tensor(nodes["missing_left"][split])
        self.values = torch.tensor(nodes["value"][leaf])
        self.has_steps = not np.concatenate([tree.has_direction for tree in trees])[split].all()
        self.categories: tuple[Tensor, Tensor] | None = None
        if "category_row" in nodes:
            self.categories = torch.tensor(nodes["category_row"][split]), torch.tensor(nodes["left_categories"])

    def widths(self, dtype: torch.dtype) -> float | Tensor:
        """T of all splits, or `(S, 1)` of each."""
        return self.width.to(dtype) if isinstance(self.width, Tensor) else self.width

    def distances(self, x: Tensor, missing: bool) -> Tensor:
        """`(S, N)` widths that `(D, N)` inputs are left of each split; so many at a step that its gradient is zero."""
        chosen = x.index_select(0, self.features)
        far = (self.thresholds.to(x.dtype)[:, None] - chosen) / self.widths(x.dtype)
        if not (missing or self.has_steps):
            return far
        side = x.new_tensor(torch.finfo(x.dtype).max ** 0.8)  # its share is a normal number, whose square is zero
        far = far.clamp(-side, side)
        if self.categories:
            row, left_categories = self.categories[0][:, None], self.categories[1]
            stepped = torch.where(in_left(left_categories, row, chosen), side, -side)
            far = torch.where(row < 0, far, stepped)
        return torch.where(chosen.isnan(), torch.where(self.missing_left[:, None], side, -side), far)

    def forward(self, x: Tensor, missing: bool) -> tuple[Tensor, Tensor, Tensor]:
        """From `(D, N)` inputs the `(S, N)` shares going left and right at every split, and the leaves' `(L, N)`."""
        far = self.distances(x, missing)
        # (1 + z / (1 + |z|)) / 2 and its complement, in a form that keeps the small one's digits.
        whole = 1 + far.abs()
        left, right = (0.5 + far.relu()) / whole, (0.5 + (-far).relu()) / whole
        level, reached, done = x.new_ones(self.trees, x.shape[1]), [], 0
        for splits, leaves in self.levels:
            reached.append(level.index_select(0, leaves))
            here = slice(done, done + len(splits))
            parents = level.index_select(0, splits)
            level = torch.stack([parents * left[here], parents * right[here]], dim=1).flatten(0, 1)
            done += len(splits)
        return left, right, torch.cat(reached)

    def backward(self, x: Tensor, missing: bool, gradient: Tensor) -> Tensor:
        """`(D, N)` gradient of the sum of `(K, N)` class values times `gradient`."""
        left, right, reached = self.forward(x, missing)
        through = reached * (self.values.to(x.dtype) @ gradient)
        steep = torch.empty_like(left)
        split, leaf, below = len(left), len(through), through[:0]
        for splits, leaves in reversed(self.levels):
            here = slice(split - len(splits), split)
            sides = below.reshape(len(splits), 2, x.shape[1])
            steep[here] = sides[:, 0] / left[here] - sides[:, 1] / right[here]
            below = x.new_empty(len(splits) + len(leaves), x.shape[1])
            below.index_copy_(0, splits, sides.sum(1))
            below.index_copy_(0, leaves, through[leaf - len(leaves) : leaf])
            split, leaf = here.start, leaf - len(leaves)
        # The share's slope in x is -2 min(left, right)^2 / T.
        steep *= torch.minimum(left, right).square_().mul_(-2 / self.widths(x.dtype))
        if x.is_cuda:  # there `index_add_` adds in any order, this in one
            return torch.zeros_like(x).index_put_((self.features,), steep, accumulate=True)
        return torch.zeros_like(x).index_add_(0, self.features, steep)


class SoftTrees(Movable):
    """Relaxed trees, added up."""

    def __init__(self, trees: list[TreeArrays], temperature: float, by_feature: bool = False) -> None:
        """Take trees of one number of classes, and T as a share of the range of all thresholds, which is the only scale
        that a tree knows, or where it goes `by_feature` of each feature's own.
        """
        width = temperature * (_ranges(trees) if by_feature else _range(trees))
        self.is_fine = _is_fine(trees, width)
        self.blocks: list[Block] = []
        waiting: list[TreeArrays] = []
        for tree in trees:
            if waiting and sum(len(other.left) for other in waiting) + len(tree.left) > NODES:
                self.blocks.append(Block(waiting, width))
                waiting = []
            waiting.append(tree)
        self.blocks.append(Block(waiting, width))

    def sums(self, x: Tensor) -> Tensor:
        """`(N, K)` differentiable relaxed class values, summed over the trees."""
        shares: Tensor = _Relaxed.apply(x, self)  # type: ignore[no-untyped-call]
        return shares

    def forward(self, x: Tensor) -> Tensor:
        """`(N, K)` class values summed over the trees."""
        shares = x.new_zeros(len(x), self.blocks[0].values.shape[1])
        missing = bool(x.isnan().any())
        for rows, out in zip(torch.split(x, EXAMPLES), torch.split(shares, EXAMPLES), strict=True):
            features = rows.T.contiguous()
            for block in self.blocks:
                out += block.forward(features, missing)[2].T @ block.values.to(x.dtype)
        return shares

    def backward(self, x: Tensor, gradient: Tensor) -> Tensor:
        """`(N, D)` gradient of the sum of class values times the `(N, K)` `gradient`."""
        slopes = torch.zeros_like(x)
        missing = bool(x.isnan().any())
        parts = zip(*(torch.split(each, EXAMPLES) for each in (x, gradient, slopes)), strict=True)
        for rows, above, out in parts:
            features, weight = rows.T.contiguous(), above.T
            for block in self.blocks:
                out += block.backward(features, missing, weight).T
        return slopes


def _is_fine(trees: list[TreeArrays], width: float | NDArray[np.float64]) -> bool:
    """Whether thresholds are finer than float32 rounds beside the width of their splits."""
    for tree in trees:
        at = tree.has_direction
        wide = width if isinstance(width, float) else width[tree.feature[at]]
        if (np.finfo(np.float32).eps * np.abs(tree.threshold[at]) > ROUGH * wide).any():
            return True
    return False


def _range(trees: list[TreeArrays]) -> float:
    """Of all thresholds; the size of the only one, or 1 where even that says nothing."""
    thresholds = np.concatenate([tree.threshold[tree.has_direction] for tree in trees])
    spread = np.ptp(thresholds) or np.abs(thresholds).max() if len(thresholds) else 0
    return float(spread) or 1.0


def _ranges(trees: list[TreeArrays]) -> NDArray[np.float64]:
    """`(D,)` of each feature's thresholds; the median one for a feature with one threshold."""
    features, thresholds = (
        np.concatenate([getattr(tree, name)[tree.has_direction] for tree in trees]) for name in ("feature", "threshold")
    )
    lowest = np.full(1 + max(0, *(int(tree.feature.max()) for tree in trees)), np.inf)
    highest = -lowest
    np.minimum.at(lowest, features, thresholds)
    np.maximum.at(highest, features, thresholds)
    ranges = np.where(highest > lowest, highest - lowest, 0)
    return np.where(ranges > 0, ranges, np.median(ranges[ranges > 0]) if ranges.any() else _range(trees))


class _Relaxed(torch.autograd.Function):
    """Walks the trees again for the gradient: to keep all their shares would take gigabytes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, trees: SoftTrees) -> Tensor:
        ctx.save_for_backward(x)
        ctx.trees = trees
        with one_thread():
            return trees.forward(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        with one_thread():
            return ctx.trees.backward(ctx.saved_tensors[0], gradient), None
