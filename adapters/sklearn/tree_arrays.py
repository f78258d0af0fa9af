"""One decision tree as arrays: what trees of every make are brought to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TreeArrays:
    """`M` nodes, the first of which is the root. An input goes left where its feature is at most the threshold."""

    left: NDArray[np.int64]
    """`(M,)` left child of each node, -1 at a leaf."""
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    """`(M,)` feature that a split looks at; anything at a leaf."""
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    """`(M,)` whether a NaN goes left."""
    value: NDArray[np.float64]
    """`(M, K)` what a leaf adds to each class; anything at a split."""

    @property
    def is_split(self) -> NDArray[np.bool_]:
        """`(M,)` whether a node has children."""
        return self.left >= 0

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


def node_tables(trees: list[TreeArrays], precision: type[np.floating[Any]] = np.float32) -> dict[str, NDArray[Any]]:
    """All nodes of some trees in one table, each tree's first node in `root`; a leaf is its own child.

    Args:
        trees: at least one.
        precision: type of the inputs compared. Rounding each threshold *down* to it leaves every comparison with inputs
            of that type as it is; rounding to the nearest would not.
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
    }


def rounded_down(values: NDArray[np.float64], precision: type[np.floating[Any]] = np.float32) -> NDArray[Any]:
    """The largest number of a narrower type not above each float64 value."""
    with np.errstate(over="ignore"):
        nearest = values.astype(precision)
    return np.where(nearest > values, np.nextafter(nearest, precision(-np.inf)), nearest)
