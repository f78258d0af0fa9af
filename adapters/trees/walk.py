"""Decision trees walked as they are: each input to one leaf of each tree, by comparisons only."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

NODES = 2**24
"""Inputs are walked in blocks of so many at most, times trees: what one block needs stays below a gigabyte."""


def leaf_sums(table: Mapping[str, Tensor], x: Tensor, depth: int, start: Tensor) -> Tensor:
    """`(N, K)` sum of `(K,)` `start` and the values of the leaves that inputs fall into, tree by tree in its precision.

    The table is `arrays.node_tables` as tensors, whose comparisons are exact for `(N, D)` inputs of no finer type than
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
