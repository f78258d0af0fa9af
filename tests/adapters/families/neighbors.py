"""Nearest neighbours and their like."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.neighbors import KNeighborsClassifier

from families.case import Case
from families.data import few, several_outputs

_VOTES = {"gradient": "surrogate", "confidence": "votes"}

CASES = {
    "knn-1": Case(lambda: KNeighborsClassifier(1), **_VOTES),
    "knn-4": Case(lambda: KNeighborsClassifier(4), **_VOTES),
    "knn-distance": Case(lambda: KNeighborsClassifier(5, weights="distance"), **_VOTES),
    "knn-manhattan": Case(lambda: KNeighborsClassifier(3, p=1), **_VOTES),
    # An image of 64 pixels drawn to the one most different in a single pixel barely moves.
    "knn-chebyshev": Case(
        lambda: KNeighborsClassifier(3, metric="chebyshev", algorithm="kd_tree"), **_VOTES, beats_noise_by=0
    ),
}

SMALL = {
    "knn-1": lambda: KNeighborsClassifier(1),
    "knn-3-brute": lambda: KNeighborsClassifier(3, algorithm="brute"),
    "knn-distance": lambda: KNeighborsClassifier(4, weights="distance"),
    "knn-manhattan": lambda: KNeighborsClassifier(2, p=1),
}


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).sum())


def evenly(distances: np.ndarray) -> np.ndarray:
    return np.ones_like(distances)


REFUSED = {
    "a callable metric": lambda: KNeighborsClassifier(metric=difference).fit(*few()),
    "metric='minkowski'": lambda: KNeighborsClassifier(p=3).fit(*few()),
    "metric='cosine'": lambda: KNeighborsClassifier(metric="cosine").fit(*few()),
    "weights by a function": lambda: KNeighborsClassifier(weights=evenly).fit(*few()),
    "KNeighborsClassifier with several outputs": lambda: KNeighborsClassifier().fit(*several_outputs()),
    "KNeighborsClassifier with a fit on sparse data": lambda: KNeighborsClassifier().fit(
        sparse.csr_array(few()[0]), few()[1]
    ),
    "61 neighbours of 60 points": lambda: KNeighborsClassifier(61).fit(*few()),
}
