"""What the tests of trees import: small models, their structure, and brute force."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor

import adapters
from adapters.base import Adapter
from adapters.structures import Trees
from bench.threats import Threat

CLIP = (0.0, 1.0)


def fitted(seed: int, features: int = 3, *, trees: int = 1, depth: int = 4, classes: int = 3) -> Adapter:
    draw = np.random.default_rng(seed)
    x, y = draw.random((60, features)).astype(np.float32), draw.integers(0, classes, 60)
    y[:classes] = range(classes)
    if trees == 1:
        return adapters.wrap(DecisionTreeClassifier(max_depth=depth, random_state=seed).fit(x, y))
    kind = (RandomForestClassifier, ExtraTreesClassifier)[seed % 2]
    return adapters.wrap(kind(trees, max_depth=depth, random_state=seed).fit(x, y))


def examples(model: Adapter, features: int, n: int, seed: int) -> tuple[Tensor, Tensor]:
    x = torch.rand(n, features, generator=torch.Generator().manual_seed(seed))
    x[: n // 3] = x[: n // 3].round()
    return x, model.predict(x)


def opened(model: Adapter, features: int) -> Trees:
    told = model.structure((features,))
    assert isinstance(told, Trees)
    return told


def nearest(model: Adapter, x: Tensor, label: int, norm: str, clip: tuple[float, float] | None) -> float:
    """Distance of the nearest mislabelled input: a coordinate of it is the example's, or just beside a threshold."""
    sides, infinity = [], torch.tensor(torch.inf)
    for feature in range(len(x)):
        parts = [x[feature : feature + 1]]
        for tree in opened(model, len(x)).trees:
            there = (tree.left >= 0) & (tree.feature == feature)
            parts += [tree.threshold[there], torch.nextafter(tree.threshold[there], infinity), tree.above[there]]
        beside = torch.cat(parts).unique()
        sides.append((beside if clip is None else beside[(beside >= clip[0]) & (beside <= clip[1])]).tolist())
    inputs = torch.tensor(list(itertools.product(*sides)))
    wrong = inputs[model.predict(inputs) != label]
    distance = Threat(norm=norm).geometry.lengths(wrong.double() - x.double())
    return float(distance.min()) if len(wrong) else np.inf
