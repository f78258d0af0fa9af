"""Smoothed planes: noise is as likely on either side as the distance tells, so that the plane stays where it is."""

from __future__ import annotations

import numpy as np

from adapters.smoothing import smoothed
from bench.selftest.base import Family, Known, chosen, inner
from bench.selftest.linear import logistic, planes


class Smoothed(Family):
    """A linear classifier of two classes under Gaussian noise.

    Its certificate may be wrong, but with a probability that does not show in any number of runs. What answers is an
    estimate: where the votes are too even it abstains, nearer than the plane as well.
    """

    name = "smoothed"
    norms = ("l2",)
    examples = 4  # each answer costs hundreds
    reaches, decides, hidden = 0.5, 0.6, 0.8

    def known(self, rng: np.random.Generator, n: int, norm: str) -> Known:
        while True:
            features = int(rng.integers(2, 9))
            weight = np.stack([np.zeros(features), rng.normal(size=features)])
            bias = -weight.sum(1) / 2
            x = inner(rng, 8 * n, features)
            y, truth = planes(x.astype(np.float64), weight, bias, norm)
            model = smoothed(logistic(weight, bias), sigma=0.04, n=500, alpha=1e-6, seed=int(rng.integers(2**31)))
            found = chosen(Known(model, x, y, truth, 2, estimated=True), n)
            if found is not None:
                return found
