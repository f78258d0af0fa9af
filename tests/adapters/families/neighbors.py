"""Nearest neighbours and their like."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.neighbors import KDTree, KNeighborsClassifier, NearestCentroid, RadiusNeighborsClassifier

from families.case import Case
from families.data import few, several_outputs

_VOTES = {"gradient": "surrogate", "confidence": "votes"}


def weights() -> dict[str, np.ndarray]:
    """Weights of the features; scikit-learn writes into the dictionary that it is given."""
    return {"w": np.linspace(0, 2, 64)}


CASES = {
    "knn-1": Case(lambda: KNeighborsClassifier(1), **_VOTES),
    "knn-4": Case(lambda: KNeighborsClassifier(4), **_VOTES),
    "knn-distance": Case(lambda: KNeighborsClassifier(5, weights="distance"), **_VOTES),
    "knn-manhattan": Case(lambda: KNeighborsClassifier(3, p=1), **_VOTES),
    # An image of 64 pixels drawn to the one most different in a single pixel barely moves.
    "knn-chebyshev": Case(
        lambda: KNeighborsClassifier(3, metric="chebyshev", algorithm="kd_tree"),
        **_VOTES,
        beats_noise_by=0,
        on_mnist=False,
    ),
    "knn-p-3": Case(
        lambda: KNeighborsClassifier(3, p=3), **_VOTES, labellings=("ten",), on_boundary=50, on_mnist=False
    ),
    "knn-p-1.5-distance": Case(
        lambda: KNeighborsClassifier(5, p=1.5, weights="distance"),
        **_VOTES,
        labellings=("binary",),
        on_boundary=50,
        on_mnist=False,
    ),
    "knn-scaled": Case(lambda: KNeighborsClassifier(3, metric_params=weights()), **_VOTES, on_mnist=False),
    "radius": Case(lambda: RadiusNeighborsClassifier(2.0, outlier_label="most_frequent"), **_VOTES),
    "radius-distance": Case(
        lambda: RadiusNeighborsClassifier(2.2, weights="distance", outlier_label="most_frequent"), **_VOTES
    ),
    "radius-manhattan": Case(
        lambda: RadiusNeighborsClassifier(9.0, p=1, outlier_label=3, algorithm="brute"), **_VOTES, labellings=("ten",)
    ),
    "radius-scaled": Case(
        lambda: RadiusNeighborsClassifier(2.0, metric_params=weights(), outlier_label="low"),
        **_VOTES,
        labellings=("binary",),
        on_mnist=False,
    ),
    "centroid": Case(lambda: NearestCentroid(), confidence="softmax"),
    "centroid-shrunken": Case(lambda: NearestCentroid(shrink_threshold=1.5, priors="empirical"), confidence="softmax"),
    "centroid-manhattan": Case(lambda: NearestCentroid(metric="manhattan")),
    "centroid-manhattan-priors": Case(lambda: NearestCentroid(metric="manhattan", priors="empirical")),
}

SMALL = {
    "knn-1": lambda: KNeighborsClassifier(1),
    "knn-3-brute": lambda: KNeighborsClassifier(3, algorithm="brute"),
    "knn-distance": lambda: KNeighborsClassifier(4, weights="distance"),
    "knn-manhattan": lambda: KNeighborsClassifier(2, p=1),
    "knn-p-4": lambda: KNeighborsClassifier(3, p=4),
    "radius": lambda: RadiusNeighborsClassifier(1.0, outlier_label="most_frequent"),
    "radius-brute": lambda: RadiusNeighborsClassifier(0.5, p=1, algorithm="brute", outlier_label="most_frequent"),
    "radius-distance": lambda: RadiusNeighborsClassifier(1.0, weights="distance", outlier_label="most_frequent"),
    "radius-p-3": lambda: RadiusNeighborsClassifier(1.5, p=3, outlier_label="most_frequent"),
}


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).sum())


def evenly(distances: np.ndarray) -> np.ndarray:
    return np.ones_like(distances)


REFUSED = {
    "a callable metric": lambda: KNeighborsClassifier(metric=difference).fit(*few()),
    "p=0.5, which makes no metric": lambda: KNeighborsClassifier(p=0.5).fit(*few()),
    "p in metric_params": lambda: KNeighborsClassifier(metric_params={"p": 3}).fit(*few()),
    "metric_params={'w'} and p=inf": lambda: KNeighborsClassifier(p=np.inf, metric_params=weights()).fit(*few()),
    "a fit on a search tree": lambda: KNeighborsClassifier().fit(KDTree(few()[0]), few()[1]),
    "metric='cosine'": lambda: KNeighborsClassifier(metric="cosine").fit(*few()),
    "weights by a function": lambda: KNeighborsClassifier(weights=evenly).fit(*few()),
    "KNeighborsClassifier with several outputs": lambda: KNeighborsClassifier().fit(*several_outputs()),
    "KNeighborsClassifier with a fit on sparse data": lambda: KNeighborsClassifier().fit(
        sparse.csr_array(few()[0]), few()[1]
    ),
    "RadiusNeighborsClassifier with metric='canberra'": lambda: RadiusNeighborsClassifier(metric="canberra").fit(
        *few()
    ),
    "RadiusNeighborsClassifier with weights by a function": lambda: RadiusNeighborsClassifier(weights=evenly).fit(
        *few()
    ),
    "RadiusNeighborsClassifier with several outputs": lambda: RadiusNeighborsClassifier().fit(*several_outputs()),
    "a class of prior 0": lambda: NearestCentroid(priors=[0] + [1 / 9] * 9).fit(*few()),
    "61 neighbours of 60 points": lambda: KNeighborsClassifier(61).fit(*few()),
}
