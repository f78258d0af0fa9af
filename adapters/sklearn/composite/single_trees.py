"""Parts of an ensemble that are single trees, opened."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from adapters.compiled import SklearnAdapter
from adapters.sklearn.tree import TreeAdapter
from adapters.structures.trees import Trees
from adapters.trees.boosted import BoostedTrees


def single_trees(
    parts: Sequence[SklearnAdapter], features: Sequence[Tensor | None], shape: tuple[int, ...]
) -> list[Trees] | None:
    """Each part as a tree of the whole input; None where one is no single tree whose labels are known to the last bit.

    Args:
        parts: of the ensemble.
        features: what each part sees of an input, None for all of it.
        shape: of the input.
    """
    told = []
    for part, seen in zip(parts, features, strict=True):
        if not isinstance(part, TreeAdapter | BoostedTrees):
            return None
        tree = part.structure(shape if seen is None else (len(seen),))
        if not isinstance(tree, Trees) or len(tree.trees) != 1 or tree.off:
            return None
        told.append(tree if seen is None else tree.spread(seen, math.prod(shape)))
    return told
