"""Nearest neighbours on one line: cells are slabs, and the nearest mislabelled input lies straight across a slab."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from bench.selftest.base import Array, Family, Known, chosen, inner, to_plane


class Neighbours(Family):
    """Two to six stored points along a line, of which two at least differ in class."""

    name = "1-nn"
    norms = ("linf", "l2")
    reaches, decides, hidden = 0.9, 0.99, 0.9
    each = 1
    """Copies of every point."""

    def known(self, rng: np.random.Generator, n: int, norm: str) -> Known:
        while True:
            features, count = int(rng.integers(3, 13)), int(rng.integers(2, 7))
            classes, labels = np.unique(rng.integers(0, 3, count), return_inverse=True)
            if len(classes) < 2:
                continue
            at = np.sort(rng.uniform(-0.5, 0.5, count))
            line = rng.normal(size=features)
            line /= np.abs(line).max()
            points = 0.5 + at[:, None] * line
            model = KNeighborsClassifier(n_neighbors=self.each, algorithm="brute")
            model.fit(np.repeat(points, self.each, axis=0), np.repeat(labels, self.each))
            x = inner(rng, 8 * n, features)
            y, truth = slabs(x.astype(np.float64), line, at, labels, norm)
            found = chosen(Known(model, x, y, truth, len(classes)), n)
            if found is not None:
                return found


class ThreeNeighbours(Neighbours):
    """The same points three times each: the three nearest are one place, and the votes are unanimous."""

    name = "3-nn"
    reaches, decides, hidden = 0.85, 0.95, 0.9
    each = 3


class TwoVectors(Family):
    """A support vector machine of a radial kernel and one support vector a class, equally weighted: the nearer wins."""

    name = "rbf-svm"
    norms = ("linf", "l2", "l1")
    reaches, decides, hidden = 0.95, 0.85, 0.9
    kernel = "rbf"

    def known(self, rng: np.random.Generator, n: int, norm: str) -> Known:
        while True:
            features = int(rng.integers(3, 13))
            line = rng.normal(size=features)
            line *= rng.uniform(0.1, 0.5) / np.abs(line).max()
            points = 0.5 + np.array([[-1.0], [1.0]]) * line + 0.1 * rng.normal(size=features)
            model = SVC(kernel=self.kernel, gamma=float(rng.uniform(0.2, 2)), C=1e4, tol=1e-9).fit(points, [0, 1])
            x = inner(rng, 8 * n, features)
            lead = (x - points.mean(0)) @ (points[1] - points[0])
            y = (lead > 0).astype(np.int64)
            truth = to_plane(x.astype(np.float64), points[1] - points[0], np.abs(lead), norm)
            found = chosen(Known(model, x, y, truth, 2), n)
            if found is not None:
                return found


class TwoLinearVectors(TwoVectors):
    """The same of a linear kernel: the plane between them as well."""

    name = "linear-svm"
    reaches, decides, hidden = 0.95, 0.99, 0.9
    kernel = "linear"


class Votes(Family):
    """A support vector machine of three to five support vectors along a line, one a class, of a linear or a radial
    kernel: every pair of classes votes for the nearer one, and the nearest has all its votes. So cells are slabs.

    Gradients are those of sums of decision values, which are not what is voted by: climbing them finds less.
    """

    name = "votes"
    norms = ("linf", "l2", "l1")
    reaches, decides, hidden = 0.6, 0.9, 0.9

    def known(self, rng: np.random.Generator, n: int, norm: str) -> Known:
        while True:
            features, count = int(rng.integers(3, 13)), int(rng.integers(3, 6))
            at = np.sort(rng.uniform(-0.5, 0.5, count))
            if (np.diff(at) < 0.05).any():
                continue
            line = rng.normal(size=features)
            line /= np.abs(line).max()
            labels = rng.permutation(count)
            kernel = "linear" if rng.random() < 0.5 else "rbf"
            model = SVC(kernel=kernel, gamma=float(rng.uniform(0.2, 2)), C=1e6, decision_function_shape="ovo")
            _halved(model.fit(0.5 + at[:, None] * line, labels))
            x = inner(rng, 8 * n, features)
            y, truth = slabs(x.astype(np.float64), line, at, labels, norm)
            found = chosen(Known(model, x, y, truth, count), n)
            if found is not None:
                return found


def _halved(model: SVC) -> None:
    """Put the plane of each pair halfway between its vectors: the solver, which keeps float32, leaves it a bit off."""
    points = model.support_vectors_
    middles = [(one + two) / 2 for one, two in combinations(points, 2)]
    model.intercept_ = model._intercept_ = model._intercept_ - np.diagonal(model.decision_function(middles))


def slabs(x: Array, line: Array, at: Array, labels: Array, norm: str) -> tuple[Array, Array]:
    """`(N,)` labels of the nearest of the points `0.5 + at line`, and distances to the next slab of another label."""
    spot = (x - 0.5) @ line / (line @ line)
    edges = (at[1:] + at[:-1]) / 2
    slab = np.searchsorted(edges, spot)
    y = labels[slab]
    differs = labels != y[:, None]
    places = np.arange(len(at))
    up = np.where(differs & (places > slab[:, None]), places, len(at)).min(1)
    down = np.where(differs & (places < slab[:, None]), places, -1).max(1)
    above = np.where(up < len(at), np.append(edges, np.inf)[up - 1] - spot, np.inf)
    below = np.where(down >= 0, spot - np.append(edges, -np.inf)[down], np.inf)
    return y, to_plane(x, line, np.minimum(above, below) * (line @ line), norm)
