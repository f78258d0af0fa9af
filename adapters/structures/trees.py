"""Decision trees and sums of them."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch
from torch import Tensor

from adapters.rounding import sum_roundoff
from adapters.structures.base import Structure


@dataclasses.dataclass(frozen=True)
class Tree:
    """`M` nodes, the first of which is the root. An input goes left where its feature is at most the threshold."""

    left: Tensor
    """`(M,)` int64 left child of each node, -1 at a leaf."""
    right: Tensor
    feature: Tensor
    """`(M,)` int64 feature that a split looks at; anything at a leaf."""
    threshold: Tensor
    """`(M,)` float32: the largest input that goes left."""
    value: Tensor
    """`(M, K)` float64 what a leaf adds to each class; anything at a split."""

    def __post_init__(self) -> None:
        """Raise ValueError unless every way down ends. It may come from a stranger's process."""
        count = len(self.left)
        for name in ("left", "right", "feature"):
            if getattr(self, name).dtype != torch.int64 or getattr(self, name).shape != (count,):
                raise ValueError(f"its {name} is not int64 of ({count},)")
        if self.threshold.dtype != torch.float32 or self.threshold.shape != (count,):
            raise ValueError(f"its threshold is not float32 of ({count},)")
        if self.value.dtype != torch.float64 or self.value.ndim != 2 or len(self.value) != count or not count:
            raise ValueError("its value is not float64, a row a node")
        place, inner = torch.arange(count), self.left >= 0
        for child in (self.left, self.right):
            if bool(((child <= place) | (child >= count))[inner].any()):
                raise ValueError("a node lies above itself, or its child nowhere")
        if bool((self.feature < 0)[inner].any()) or not bool(self.value.isfinite().all()):
            raise ValueError("a feature is none, or a value not finite")

    def leaves(self, x: Tensor) -> Tensor:
        """`(N,)` the leaf that each of `(N, features)` float32 inputs falls into."""
        node = torch.zeros(len(x), dtype=torch.int64)
        while True:
            inner = self.left[node] >= 0
            if not inner.any():
                return node
            low = x.gather(1, self.feature[node].clamp_min(0)[:, None])[:, 0] <= self.threshold[node]
            node = torch.where(inner, torch.where(low, self.left[node], self.right[node]), node)


@dataclasses.dataclass(frozen=True)
class Trees(Structure):
    """Scores are the sums of what the leaves that an input falls into add, tree by tree."""

    kind: ClassVar[str] = "trees"

    trees: tuple[Tree, ...]

    def __post_init__(self) -> None:
        """Raise ValueError unless all trees are of its classes."""
        super().__post_init__()
        if not self.trees or any(tree.value.shape[1] != len(self.classes) for tree in self.trees):
            raise ValueError("it has no trees, or one of other classes")

    def scores(self, x: Tensor) -> Tensor:
        narrow = x.flatten(1).float()
        total = torch.zeros(len(x), len(self.classes), dtype=torch.float64)
        for tree in self.trees:
            total += tree.value[tree.leaves(narrow)]
        return total

    def roundoff(self, x: Tensor) -> Tensor:
        """Nothing for a single tree, whose scores are stored and not computed."""
        if len(self.trees) == 1:
            return torch.zeros(len(x), dtype=torch.float64)
        size = sum(float(tree.value.abs().max()) for tree in self.trees)
        return torch.full((len(x),), 4 * sum_roundoff(len(self.trees), torch.float64) * size, dtype=torch.float64)
