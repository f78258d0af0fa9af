"""Compiled trees as the structure that certificates read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from adapters.errors import Unsupported
from adapters.rounding import narrowed, two_sided
from adapters.structures.trees import Tree, Trees


def opened(
    table: Mapping[str, Tensor], start: Tensor, *, ties_up: bool = False, divisor: float = 1.0, off: float = 0.0
) -> Trees:
    """The trees of `node_tables` as a structure.

    Args:
        table: with thresholds no finer than float32 inputs can tell, or finer.
        start: `(K,)` scores without trees, or of two classes `(1,)`, those of class 1 over class 0.
        ties_up: whether of two classes with the same score the second is the label.
        divisor: what all scores are divided by.
        off: how far a difference of the model's own scores may be from one of theirs.

    Raises:
        Unsupported: a split goes by categories.
    """
    if "category_row" in table:
        raise Unsupported("nothing is known to be proved of trees that split by categories")
    table = {name: each.detach().cpu() for name, each in table.items()}
    bounds = [*table["root"].tolist(), len(table["left"])]
    value, start = two_sided(table["value"].double()), two_sided(start.detach().cpu().double()[None])[0]
    classes = list(range(len(start)))
    if ties_up:
        classes, value, start = classes[::-1], value.flip(1), start.flip(0)
    below = narrowed(table["threshold"].double(), -1)
    trees = tuple(_tree(table, below, value, begin, end) for begin, end in pairwise(bounds))
    return Trees(tuple(classes), trees, start, float(divisor), float(off))


def _tree(table: Mapping[str, Tensor], below: Tensor, value: Tensor, begin: int, end: int) -> Tree:
    """One tree, its nodes level by level: whatever the order that a library numbers them in."""
    left, right = table["left"][begin:end] - begin, table["right"][begin:end] - begin
    is_leaf = left == torch.arange(end - begin)
    order, level = [], torch.zeros(1, dtype=torch.int64)
    while len(level):
        order.append(level)
        inner = level[~is_leaf[level]]
        level = torch.stack([left[inner], right[inner]], dim=1).flatten()
    kept = torch.cat(order)
    place = torch.full((end - begin,), -1)
    place[kept] = torch.arange(len(kept))
    leaf = is_leaf[kept]
    return Tree.plain(
        place[left[kept]].masked_fill(leaf, -1),
        place[right[kept]].masked_fill(leaf, -1),
        table["feature"][begin:end][kept],
        below[begin:end][kept],
        value[begin:end][kept].masked_fill(~leaf[:, None], 0),
    )


def averaged(parts: Sequence[Trees], weights: Sequence[float], columns: Sequence[Sequence[int]], classes: int) -> Trees:
    """Weighted sums of the class fractions of single trees, over the weights."""
    trees = []
    for part, weight, known in zip(parts, weights, columns, strict=True):
        (tree,) = part.trees
        value = tree.value.new_zeros(len(tree.value), classes)
        value[:, [known[index] for index in part.classes]] = tree.value
        trees.append(dataclasses.replace(tree, value=weight * value))
    start = torch.zeros(classes, dtype=torch.float64)
    return Trees(tuple(range(classes)), tuple(trees), start, float(sum(weights)))


def voted(
    parts: Sequence[Trees], weights: Sequence[float], columns: Sequence[Sequence[int]], classes: int, against: float
) -> Trees:
    """Single trees each of which gives its weight to the class that it chooses, and to others `against` times that."""
    trees, every = [], torch.arange(classes)
    for part, weight, known in zip(parts, weights, columns, strict=True):
        (tree,) = part.trees
        chosen = torch.tensor([known[index] for index in part.classes])[(part.start + tree.value).argmax(1)]
        own = torch.tensor(weight, dtype=torch.float64)
        value = torch.where(chosen[:, None] == every, own, against * own)
        trees.append(dataclasses.replace(tree, value=value))
    return Trees(tuple(range(classes)), tuple(trees), torch.zeros(classes, dtype=torch.float64))
