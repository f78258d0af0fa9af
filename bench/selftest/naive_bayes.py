"""Gaussian naive Bayes in two forms whose worst cases have closed forms: planes, and a class inside another."""

from __future__ import annotations

import numpy as np
from sklearn.naive_bayes import GaussianNB

from bench.selftest.base import Array, Family, Known, chosen, inner
from bench.selftest.linear import planes


class NaiveBayes(Family):
    """Of one variance in all classes, which is linear; or of one mean and two variances, where every class is a shell
    around the mean: there all features move outwards alike until the quadratic that tells the classes apart is even.
    """

    name = "bayes"
    norms = ("linf",)
    reaches, decides, hidden = 0.95, 0.99, 0.95

    def known(self, rng: np.random.Generator, n: int, norm: str) -> Known:
        while True:
            features = int(rng.integers(2, 13))
            x = inner(rng, 8 * n, features)
            make = _planes if rng.random() < 0.5 else _shell
            found = chosen(make(rng, x, norm), n)
            if found is not None:
                return found


def _planes(rng: np.random.Generator, x: np.ndarray, norm: str) -> Known:
    classes, features = int(rng.integers(2, 5)), x.shape[1]
    variance = rng.uniform(0.02, 0.3, features)
    mean, prior = rng.uniform(0.2, 0.8, (classes, features)), rng.dirichlet(np.full(classes, 5.0))
    weight = mean / variance
    bias = np.log(prior) - (mean**2 / variance).sum(1) / 2
    y, truth = planes(x.astype(np.float64), weight, bias, norm)
    return Known(fitted(mean, np.tile(variance, (classes, 1)), prior), x, y, truth, classes)


def _shell(rng: np.random.Generator, x: np.ndarray, norm: str) -> Known:
    """Class 0 is inside: `sum a d^2 < level`, d from the mean; from within, `sum a (|d| + r)^2 = level` tells r."""
    features = x.shape[1]
    mean, narrow = rng.uniform(0.4, 0.6, features), rng.uniform(0.01, 0.05, features)
    wide = narrow * rng.uniform(1.5, 6, features)
    prior = rng.dirichlet(np.full(2, 5.0))
    sharp = 1 / narrow - 1 / wide
    level = float(np.sum(np.log(wide / narrow))) + 2 * np.log(prior[0] / prior[1])
    away = np.abs(x - mean)
    lead = level - (sharp * away**2).sum(1)
    slope, bend = (sharp * away).sum(1), float(np.sum(sharp))
    root = np.sqrt(np.maximum(slope**2 + bend * lead, 0))
    truth = np.where(lead > 0, lead / (slope + root), 0)  # from without it is not told in closed form: left out
    y = (lead <= 0).astype(np.int64)
    return Known(fitted(np.stack([mean, mean]), np.stack([narrow, wide]), prior), x, y, truth, 2)


def fitted(mean: Array, variance: Array, prior: Array) -> GaussianNB:
    """A fitted estimator of these `(K, features)` means and variances and `(K,)` shares of the classes."""
    model = GaussianNB()
    model.classes_, model.n_features_in_ = np.arange(len(mean)), mean.shape[1]
    model.theta_, model.var_, model.class_prior_ = mean, variance, prior
    model.class_count_, model.epsilon_ = 100 * prior, 0.0
    return model
