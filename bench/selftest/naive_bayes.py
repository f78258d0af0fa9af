"""Gaussian naive Bayes and radial units in two forms whose worst cases have closed forms: planes, and a class inside
another.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn.naive_bayes import GaussianNB

from bench.selftest.base import Array, Family, Known, chosen, inner
from bench.selftest.linear import planes
from bench.training.nets.rbf_network import RBFNetwork
from bench.zoo.adapter import NetAdapter


class NaiveBayes(Family):
    """Of one variance in all classes, which is linear; or of one mean and two variances, where every class is a shell
    around the mean: there all features move outwards alike until the quadratic that tells the classes apart is even.
    """

    name = "bayes"
    norms = ("linf",)
    reaches, decides, hidden = 0.95, 0.99, 0.95

    def known(self, rng: np.random.Generator, n: int, norm: str) -> Known:
        return _either(rng, n, lambda x: _planes(rng, x, norm), lambda x: _shell(rng, x, norm))


def _either(rng: np.random.Generator, n: int, one: Callable[[Array], Known], other: Callable[[Array], Known]) -> Known:
    """A model of one of two forms, with as many examples as were asked for."""
    while True:
        x = inner(rng, 8 * n, int(rng.integers(2, 13)))
        make = one if rng.random() < 0.5 else other
        found = chosen(make(x), n)
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
    features = x.shape[1]
    mean = np.asarray(rng.uniform(0.4, 0.6, features))
    narrow = np.asarray(rng.uniform(0.01, 0.05, features))
    wide = narrow * rng.uniform(1.5, 6, features)
    prior = rng.dirichlet(np.full(2, 5.0))
    sharp = 1 / narrow - 1 / wide
    level = float(np.log(wide / narrow).sum() + 2 * np.log(prior[0] / prior[1]))
    y, truth = inside(x, mean, sharp, level)
    return Known(fitted(np.stack([mean, mean]), np.stack([narrow, wide]), prior), x, y, truth, 2)


def inside(x: Array, middle: Array, sharp: Array, level: float) -> tuple[Array, Array]:
    """`(N,)` labels, and L_inf distances to the others, where class 0 is what `sum sharp d^2 < level` holds of, d being
    how far features are from the middle: from within, `sum sharp (|d| + r)^2 = level` tells r.
    """
    away = np.abs(x - middle)
    lead = level - (sharp * away**2).sum(1)
    slope, bend = (sharp * away).sum(1), float(np.sum(sharp))
    root = np.sqrt(np.maximum(slope**2 + bend * lead, 0))
    truth = np.where(lead > 0, lead / (slope + root), 0)  # from without it is not told in closed form: left out
    return (lead <= 0).astype(np.int64), truth


class RadialUnits(Family):
    """A network of one radial unit a class: of one width along a feature in all units, which is linear; or of two, and
    then the points that are nearer, in its own measure, to the narrower one are inside an ellipsoid (of Apollonius).
    """

    name = "rbf-network"
    norms = ("linf",)
    reaches, decides, hidden = 0.95, 0.99, 0.95

    def known(self, rng: np.random.Generator, n: int, norm: str) -> Known:
        return _either(rng, n, lambda x: _alike(rng, x), lambda x: _apollonius(rng, x))


def _alike(rng: np.random.Generator, x: Array) -> Known:
    classes, features = int(rng.integers(2, 5)), x.shape[1]
    mean = rng.uniform(0.2, 0.8, (classes, features)).astype(np.float32).astype(np.float64)
    net, beta = units(mean, np.tile(rng.uniform(2, 30, features), (classes, 1)))
    y, truth = planes(x.astype(np.float64), 2 * mean * beta, -(mean**2 * beta).sum(1), "linf")
    return Known(net, x, y, truth, classes)


def _apollonius(rng: np.random.Generator, x: Array) -> Known:
    """`b0 (x - m0)^2 - b1 (x - m1)^2 = (b0 - b1) (x - c)^2 - b0 b1 (m0 - m1)^2 / (b0 - b1)`, feature by feature."""
    features = x.shape[1]
    wide = rng.uniform(2, 10, features)
    narrow = wide * rng.uniform(1.5, 6, features)
    other = rng.uniform(-0.2, 0.2, features)
    mean = np.stack([rng.uniform(0.4, 0.6, features), rng.uniform(0.4, 0.6, features) + other])
    mean = mean.astype(np.float32).astype(np.float64)
    net, (narrow, wide) = units(mean, np.stack([narrow, wide]))
    sharp = narrow - wide
    middle = (narrow * mean[0] - wide * mean[1]) / sharp
    level = float(np.sum(narrow * wide * (mean[0] - mean[1]) ** 2 / sharp))
    y, truth = inside(x, middle, sharp, level)
    return Known(net, x, y, truth, 2)


def units(mean: Array, beta: Array) -> tuple[NetAdapter, Array]:
    """A network of `(K, features)` units' means and inverse widths, and those widths as it computes them, float32."""
    net = RBFNetwork(mean.shape[1], len(mean), initial_beta=1.0)
    with torch.no_grad():
        net.mu.copy_(torch.from_numpy(mean))
        net.log_beta.copy_(torch.from_numpy(beta).log())
    return NetAdapter(net.eval(), mean.shape[1]), net.log_beta.detach().exp().double().numpy()


def fitted(mean: Array, variance: Array, prior: Array) -> GaussianNB:
    """A fitted estimator of these `(K, features)` means and variances and `(K,)` shares of the classes."""
    model = GaussianNB()
    model.classes_, model.n_features_in_ = np.arange(len(mean)), mean.shape[1]
    model.theta_, model.var_, model.class_prior_ = mean, variance, prior
    model.class_count_, model.epsilon_ = 100 * prior, 0.0
    return model
