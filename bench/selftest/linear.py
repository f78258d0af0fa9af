"""Linear classifiers: the nearest mislabelled input lies straight across the nearest of the planes between classes."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from bench.selftest.base import Array, Family, Known, chosen, inner, to_plane


class Linear(Family):
    """Random weights, some of them 0, of two to five classes; a quarter of the features at a wall of the range."""

    name = "linear"
    reaches, decides, hidden = 0.95, 0.99, 0.9

    def known(self, rng: np.random.Generator, n: int, norm: str) -> Known:
        while True:
            classes, features = int(rng.integers(2, 6)), int(rng.integers(3, 17))
            weight = rng.normal(size=(classes, features)) * (rng.random((classes, features)) < 0.8)
            if classes == 2:
                weight[0] = 0
            bias = 0.3 * rng.normal(size=classes) - weight.sum(1) / 2
            bias -= bias[0]
            x = inner(rng, 8 * n, features, walls=0.25)
            y, truth = planes(x.astype(np.float64), weight, bias, norm)
            found = chosen(Known(logistic(weight, bias), x, y, truth, classes), n)
            if found is not None:
                return found


def logistic(weight: Array, bias: Array) -> LogisticRegression:
    """A fitted estimator of these `(K, features)` weights and `(K,)` biases; of two classes the first one's are 0."""
    model = LogisticRegression()
    model.classes_, model.n_features_in_ = np.arange(len(weight)), weight.shape[1]
    model.coef_, model.intercept_ = (weight, bias) if len(weight) > 2 else (weight[1:], bias[1:])
    return model


def planes(x: Array, weight: Array, bias: Array, norm: str) -> tuple[Array, Array]:
    """`(N,)` labels by linear scores, and distances to the nearest plane where another score is as large."""
    scores = x @ weight.T + bias
    y = scores.argmax(1)
    own = scores.max(1)
    truth = np.full(len(x), np.inf)
    for rival in range(len(weight)):
        far = to_plane(x, weight[rival] - weight[y], own - scores[:, rival], norm)
        truth = np.minimum(truth, np.where(y == rival, np.inf, far))
    return y, truth
