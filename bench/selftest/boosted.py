"""Boosted trees of few thresholds: the nearest cell of another label is found by looking at all that they cut out."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingClassifier
from sklearn.tree import DecisionTreeClassifier

from bench.selftest.base import Array, Family, Known, chosen, inner
from bench.selftest.trees import ORDER

GRID = 0.05
"""Of what is learned from, so that thresholds are half a step at least from each other and from float32's roundings."""
CELLS = 4000
"""Cells of a model, at most."""
CLEAR = 1e-6
"""How far the best score of a cell is before the next, at least: what adds them up in another order labels it alike."""


class Boosted(Family):
    """A few trees of gradient boosting, or of AdaBoost, stumps half of them, of two to four features and two or three
    classes at random. A cell is labelled as the estimator itself labels its middle.
    """

    name = "boosted"
    reaches, decides, hidden = 0.9, 0.95, 0.85

    def known(self, rng: np.random.Generator, n: int, norm: str) -> Known:
        while True:
            features, classes = int(rng.integers(2, 5)), int(rng.integers(2, 4))
            model = _model(rng, depth=1 if rng.random() < 0.5 else int(rng.integers(2, 4)))
            given = np.round(rng.uniform(0, 1, (30, features)) / GRID) * GRID
            labels = np.unique(rng.integers(0, classes, 30), return_inverse=True)[1]
            edges = thresholds(model.fit(given, labels), features)
            if np.prod([len(each) + 1.0 for each in edges]) > CELLS:
                continue
            low, high, label, sure = cells(model, edges)
            if not sure:
                continue
            x = inner(rng, 8 * n, features)
            spot = x[:, None].astype(np.float64)
            gaps = np.maximum(np.maximum(low - spot, spot - high), 0)
            apart = np.linalg.norm(gaps, ord=ORDER[norm], axis=2)
            y = label[apart.argmin(1)]
            truth = np.where(label != y[:, None], apart, np.inf).min(1)
            found = chosen(Known(model, x, y, truth, int(labels.max()) + 1), n)
            if found is not None:
                return found


def _model(rng: np.random.Generator, depth: int) -> Any:
    count, seed = int(rng.integers(2, 7)), int(rng.integers(2**31))
    if rng.random() < 0.3:
        return AdaBoostClassifier(DecisionTreeClassifier(max_depth=depth), n_estimators=count, random_state=seed)
    rate = float(rng.uniform(0.2, 1))
    return GradientBoostingClassifier(n_estimators=count, max_depth=depth, learning_rate=rate, random_state=seed)


def thresholds(model: Any, features: int) -> list[Array]:
    """The thresholds along each feature, ascending."""
    trees = [each.tree_ for each in np.ravel(model.estimators_)]
    split = np.concatenate([tree.feature[tree.feature >= 0] for tree in trees])
    at = np.concatenate([tree.threshold[tree.feature >= 0] for tree in trees])
    return [np.unique(np.round(at[split == feature], 6)) for feature in range(features)]


def cells(model: Any, edges: list[Array]) -> tuple[Array, Array, Array, bool]:
    """`(cells, features)` lowest and highest values, `(cells,)` labels, and whether all of them are clear."""
    sides = [np.concatenate([[-np.inf], each, [np.inf]]) for each in edges]
    low, high = (np.array(list(product(*(each[part] for each in sides)))) for part in (slice(-1), slice(1, None)))
    middle = (np.maximum(low, -1) + np.minimum(high, 2)) / 2
    scores = model.decision_function(middle)
    if scores.ndim == 1:
        return low, high, model.predict(middle), bool((np.abs(scores) > CLEAR).all())
    two = np.sort(scores, axis=1)[:, -2:]
    return low, high, model.predict(middle), bool((two[:, 1] - two[:, 0] > CLEAR).all())
