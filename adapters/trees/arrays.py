"""Decision trees as arrays, which trees of every make are brought to, and walked as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

NODES = 2**24
"""Inputs are walked in blocks of so many at most, times trees: what one block needs stays below a gigabyte."""

Float = type[np.floating[Any]]
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class TreeArrays:
    """`M` nodes, the first of which is the root. An input goes left where its feature is at most the threshold.

    A categorical split looks at a category's code 0..C-1 instead and goes by a table of codes. The codes take the
    feature's place in the input, where a NaN stands for a missing or unknown category.
    """

    left: NDArray[np.int64]
    """`(M,)` left child of each node, -1 at a leaf."""
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    """`(M,)` feature that a split looks at; anything at a leaf."""
    threshold: NDArray[np.float64]
    """`(M,)`; infinite where a split only tells missing values from others; anything at a categorical split."""
    missing_left: NDArray[np.bool_]
    """`(M,)` whether a NaN goes left."""
    value: Floats
    """`(M, K)` what a leaf adds to each class; anything at a split."""
    category_row: NDArray[np.int64] | None = None
    """`(M,)` row of `left_categories` that a split goes by, -1 where it goes by its threshold; None where all do."""
    left_categories: NDArray[np.bool_] | None = None
    """`(R, C)` whether an input of this category goes left."""

    @property
    def is_split(self) -> NDArray[np.bool_]:
        """`(M,)` whether a node has children."""
        return self.left >= 0

    @property
    def is_categorical(self) -> NDArray[np.bool_]:
        """`(M,)` whether a node splits by categories."""
        return np.zeros_like(self.is_split) if self.category_row is None else self.is_split & (self.category_row >= 0)

    @property
    def has_direction(self) -> NDArray[np.bool_]:
        """`(M,)` whether a node splits at a place on an axis, which an input can be nearer to or farther from."""
        return self.is_split & ~self.is_categorical & np.isfinite(self.threshold)

    @property
    def depth(self) -> int:
        """Number of splits on the longest way down."""
        level, depth = np.zeros(1, dtype=np.int64), -1
        while len(level):
            depth += 1
            inner = level[self.left[level] >= 0]
            level = np.concatenate([self.left[inner], self.right[inner]])
        return depth


def of_sklearn(tree: Any) -> TreeArrays:
    """The arrays of a fitted scikit-learn `tree_` with one output."""
    return TreeArrays(
        left=tree.children_left,
        right=tree.children_right,
        feature=tree.feature,
        threshold=tree.threshold,
        missing_left=tree.missing_go_to_left.astype(bool),
        value=tree.value[:, 0],
    )


def only_steps(trees: list[TreeArrays]) -> bool:
    """Whether trees do split, but nowhere at a place on an axis: there is no direction to go in."""
    return any(tree.is_split.any() for tree in trees) and not any(tree.has_direction.any() for tree in trees)


def in_column(values: Floats, column: int, columns: int) -> Floats:
    """`(M, columns)` values of a tree whose `(M,)` values are all for one class."""
    table = np.zeros((len(values), columns), dtype=values.dtype)
    table[:, column] = values
    return table


def node_tables(trees: list[TreeArrays], precision: Float = np.float32) -> dict[str, NDArray[Any]]:
    """All nodes of some trees in one table, each tree's first node in `root`; a leaf is its own child.

    `category_row` and `left_categories` are in it only where a tree has categorical splits. Rounding each threshold
    *down* to the `precision` of the inputs leaves every comparison with them as it is; to the nearest would not.
    """
    starts = np.cumsum([0] + [len(tree.left) for tree in trees])
    names = ("left", "right", "feature", "threshold", "missing_left", "value")
    joined = {name: np.concatenate([getattr(tree, name) for tree in trees]) for name in names}
    is_leaf, offset = joined["left"] < 0, np.repeat(starts[:-1], np.diff(starts))
    itself = np.arange(starts[-1])
    return {
        "root": starts[:-1],
        "left": np.where(is_leaf, itself, joined["left"] + offset),
        "right": np.where(is_leaf, itself, joined["right"] + offset),
        "feature": np.where(is_leaf, 0, joined["feature"]),
        "threshold": rounded_down(joined["threshold"], precision),
        "missing_left": joined["missing_left"],
        "value": joined["value"],
        **category_tables(trees),
    }


def category_tables(trees: list[TreeArrays]) -> dict[str, NDArray[Any]]:
    """`category_row` and `left_categories` of all nodes of some trees; nothing where no split is categorical."""
    tables = [np.zeros((0, 1), dtype=bool) if tree.left_categories is None else tree.left_categories for tree in trees]
    if not any(tree.is_categorical.any() for tree in trees):
        return {}
    starts, widest = np.cumsum([0] + [len(table) for table in tables]), max(table.shape[1] for table in tables)
    rows = [np.full(len(tree.left), -1) if tree.category_row is None else tree.category_row for tree in trees]
    return {
        "category_row": np.concatenate(
            [
                np.where(tree.is_categorical, row + start, -1)
                for tree, row, start in zip(trees, rows, starts, strict=False)
            ]
        ),
        "left_categories": np.concatenate([np.pad(table, ((0, 0), (0, widest - table.shape[1]))) for table in tables]),
    }


def rounded_down(values: NDArray[np.float64], precision: Float) -> NDArray[Any]:
    """The largest number of a narrower type not above each float64 value."""
    with np.errstate(over="ignore"):
        nearest = values.astype(precision)
    return np.where(nearest > values, np.nextafter(nearest, precision(-np.inf)), nearest)


def leaf_sums(table: Mapping[str, Tensor], x: Tensor, depth: int, start: Tensor) -> Tensor:
    """`(N, K)` sum of `(K,)` `start` and the values of the leaves that inputs fall into, tree by tree in its precision.

    The table is that of `node_tables` as tensors, whose comparisons are exact for `(N, D)` inputs of no finer type than
    the thresholds, with codes in place of categories; `depth` is the deepest tree's.
    """
    total = start.repeat(len(x), 1)
    size = max(1, NODES // len(table["root"]))
    for rows, out in zip(torch.split(x, size), torch.split(total, size), strict=True):
        for leaf in _leaves(table, rows, depth).T:
            out += table["value"][leaf]
    return total


def _leaves(table: Mapping[str, Tensor], x: Tensor, depth: int) -> Tensor:
    """`(N, T)` node that each input ends at in each tree."""
    node = table["root"].expand(len(x), -1)
    for _ in range(depth):
        value = x.gather(1, table["feature"][node])
        goes_left = value <= table["threshold"][node]
        if "category_row" in table:
            row = table["category_row"][node]
            goes_left = torch.where(row < 0, goes_left, in_left(table["left_categories"], row, value))
        goes_left = torch.where(value.isnan(), table["missing_left"][node], goes_left)
        node = torch.where(goes_left, table["left"][node], table["right"][node])
    return node


def in_left(left_categories: Tensor, row: Tensor, value: Tensor) -> Tensor:
    """Whether a category's code is among those that go left by a row of the table; anything where the row is -1."""
    code = value.nan_to_num(0).clamp(0, left_categories.shape[1] - 1).long()
    return left_categories[row.clamp_min(0), code]
