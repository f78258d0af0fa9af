"""Trees and forests: boards of labelled cells, of which the nearest of another label is found by looking at them all.

A tree that is grown on the middles of a board's cells has its thresholds on the cells' edges, in whatever order: it is
the board.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from bench.selftest.base import Array, Family, Known, chosen, inner

ORDER = {"linf": np.inf, "l2": 2.0, "l1": 1.0}


class Trees(Family):
    """A board of two to four features, two to four cells along each, among features that decide nothing."""

    name = "tree"
    reaches, decides, hidden = 0.95, 0.99, 0.9

    def known(self, rng: np.random.Generator, n: int, norm: str) -> Known:
        return board(rng, n, norm, lambda middles, labels: _seeded(DecisionTreeClassifier(), rng).fit(middles, labels))


class Forest(Family):
    """Half of them trees that are the same board grown differently, half of them votes of trees that look at one
    feature each: there the nearest mislabelled input crosses the nearest thresholds, as many as it takes.
    """

    name = "forest"
    norms = ("linf",)
    reaches, decides, hidden = 0.95, 0.98, 0.95

    def known(self, rng: np.random.Generator, n: int, norm: str) -> Known:
        if rng.random() < 0.5:
            return board(rng, n, norm, lambda middles, labels: _unlike(rng, middles, labels))
        return votes(rng, n, norm)


def board(rng: np.random.Generator, n: int, norm: str, grow: Callable[[Array, Array], Any]) -> Known:
    """A model that `grow` makes of the cells' middles and labels, and its examples."""
    while True:
        features, deciding = int(rng.integers(4, 9)), int(rng.integers(2, 5))
        edges = [np.sort(rng.uniform(0.15, 0.85, int(rng.integers(1, 4)))) for _ in range(deciding)]
        middles = [_middles(each) for each in edges]
        edges = [(each[1:] + each[:-1]) / 2 for each in middles]
        cells = np.array(list(product(*middles)))
        labels = rng.integers(0, int(rng.integers(2, 4)), len(cells))
        classes, labels = np.unique(labels, return_inverse=True)
        if len(classes) < 2 or any((np.diff(each) < 0.02).any() for each in edges):
            continue
        given = rng.uniform(size=(len(cells), features))
        given[:, :deciding] = cells
        given[:, deciding:] = given[0, deciding:]  # alike in all, so that no tree splits there
        x = inner(rng, 8 * n, features)
        low, high = _sides(edges)
        spot = x[:, None, :deciding].astype(np.float64)
        gaps = np.maximum(np.maximum(low - spot, spot - high), 0)
        apart = np.linalg.norm(gaps, ord=ORDER[norm], axis=2)
        y = labels[apart.argmin(1)]
        truth = np.where(labels != y[:, None], apart, np.inf).min(1)
        found = chosen(Known(grow(given, labels), x, y, truth, len(classes)), n)
        if found is not None:
            return found


def votes(rng: np.random.Generator, n: int, norm: str) -> Known:
    """A forest of an odd number of trees with one split each, all of other features."""
    while True:
        count = int(rng.choice([3, 5, 7, 9]))
        at = rng.uniform(0.25, 0.75, count)
        middles = np.stack([np.maximum(at - 0.2, 0), np.minimum(at + 0.2, 1)]).astype(np.float32).astype(np.float64)
        at = middles.mean(0)
        trees = []
        for place in range(count):
            given = np.full((2, count), 0.5)
            given[:, place] = middles[:, place]
            trees.append(DecisionTreeClassifier(random_state=0).fit(given, [0.0, 1.0]))
        forest = RandomForestClassifier(n_estimators=1, max_depth=1, random_state=0).fit(np.eye(2, count), [0, 1])
        forest.estimators_ = trees
        x = inner(rng, 8 * n, count)
        up = x > at
        y = (up.sum(1) > count / 2).astype(np.int64)
        with_y = up == y[:, None].astype(bool)
        far = np.sort(np.where(with_y, np.abs(x - at), np.inf), axis=1)
        short = with_y.sum(1) - count // 2
        taken = np.where(np.arange(count) < short[:, None], far, 0)
        found = chosen(Known(forest, x, y, np.linalg.norm(taken, ord=ORDER[norm], axis=1), 2), n)
        if found is not None:
            return found


def _unlike(rng: np.random.Generator, middles: Array, labels: Array) -> Any:
    forest = RandomForestClassifier(n_estimators=int(rng.integers(2, 6)), max_features=1, bootstrap=False)
    return _seeded(forest, rng).fit(middles, labels)


def _seeded(model: Any, rng: np.random.Generator) -> Any:
    return model.set_params(random_state=int(rng.integers(2**31)))


def _middles(edges: Array) -> Array:
    """One point in each cell, such that edges about halfway between neighbours are those of the cells; in float32."""
    ends = np.concatenate([[0.0], edges, [1.0]])
    return np.asarray((ends[1:] + ends[:-1]) / 2, dtype=np.float32).astype(np.float64)


def _sides(edges: list[Array]) -> tuple[Array, Array]:
    """`(cells, deciding)` lowest and highest values of each cell, in the order of the product of the middles."""
    low = [np.concatenate([[-np.inf], each]) for each in edges]
    high = [np.concatenate([each, [np.inf]]) for each in edges]
    return np.array(list(product(*low))), np.array(list(product(*high)))
