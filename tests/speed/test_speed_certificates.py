"""Exact answers beside general solvers: the same numbers, by linear programmes that SciPy's HiGHS solves one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fitted import batch, fitted, mnist
from scipy.optimize import linprog
from sklearn.neighbors import KNeighborsClassifier

import adapters
from bench.attacks.worst_case import WorstCase
from bench.datasets import open_dataset
from bench.threats import Threat

THREAT = Threat(norm="linf", clip=(0, 1))
TURNS = 3
LINEAR, PROGRAMMES = 1000, 5
"""Examples of ours and of HiGHS's, of a linear model."""
NEIGHBOURS, POINTS = 5, 200
"""Examples and stored points of the nearest neighbour."""


def least(rows, due, x):
    """The least L_inf change of an input within the range such that `rows . change >= due`, as a linear programme."""
    n = len(x)
    sides = np.block([[np.eye(n), -np.ones((n, 1))], [-np.eye(n), -np.ones((n, 1))]])
    bound = np.vstack([np.hstack([-rows, np.zeros((len(rows), 1))]), sides])
    limits = [*zip(-x, 1 - x, strict=True), (0, None)]
    found = linprog(np.r_[np.zeros(n), 1], bound, np.r_[-due, np.zeros(2 * n)], bounds=limits, method="highs")
    return found.fun if found.status == 0 else np.inf


def proved(model, x, y):
    (found,) = WorstCase().craft(model, x, y, None, [THREAT], None)
    return found.radius.numpy()


@pytest.mark.benchmark(group="certificates")
@pytest.mark.parametrize("contestant", ["Potemkin", "HiGHS"])
@pytest.mark.parametrize("turn", range(TURNS))
def test_linear(benchmark, turn, contestant):
    """All nine rivals of ten classes."""
    estimator, model = fitted("LogisticRegression")
    x, y = batch()[:LINEAR], torch.from_numpy(mnist()[3][:LINEAR].copy())
    right = (model.predict(x) == y).nonzero()[:PROGRAMMES, 0]
    weight, bias = estimator.coef_.astype(np.float64), estimator.intercept_.astype(np.float64)

    def programmes():
        radii = []
        for row in right.tolist():
            at, own = x[row].double().numpy(), int(y[row])
            lead = weight[own] @ at + bias[own] - weight @ at - bias
            radii.append(
                min(least((weight[k] - weight[own])[None], lead[k : k + 1], at) for k in range(10) if k != own)
            )
        return np.array(radii)

    ours = contestant == "Potemkin"
    radii = benchmark.pedantic((lambda: proved(model, x, y)) if ours else programmes, rounds=2 if ours else 1)
    benchmark.extra_info.update(contestant=contestant, family="linear", examples=LINEAR if ours else PROGRAMMES)
    if ours and turn == 0:  # less what sums of float32 may round: of a model with weights in float32 that shows
        exact = programmes()
        assert (radii[right] <= exact * (1 + 1e-6)).all()
        assert (radii[right] >= 0.998 * exact).all()


@pytest.mark.benchmark(group="certificates")
@pytest.mark.parametrize("contestant", ["Potemkin", "HiGHS"])
@pytest.mark.parametrize("turn", range(TURNS))
def test_nearest_neighbour(benchmark, turn, contestant):
    """Every stored point of another class, each with a half-space for every point of the own class."""
    digits = open_dataset("digits")
    points = digits.examples("train", slice(POINTS)).reshape(POINTS, -1).astype(np.float64)
    owners = digits.labels("train")[:POINTS]
    model = adapters.wrap(KNeighborsClassifier(1).fit(points, owners))
    x = torch.from_numpy(digits.examples("test", slice(NEIGHBOURS)).reshape(NEIGHBOURS, -1).copy())
    y = model.predict(x)

    def programmes():
        radii = []
        for at, own in zip(x.double().numpy(), y.tolist(), strict=True):
            mine = points[owners == own]
            near = ((mine - at) ** 2).sum(1)
            others = points[owners != own]
            radii.append(min(least(2 * (z - mine), ((z - at) ** 2).sum() - near, at) for z in others))
        return np.array(radii)

    ours = contestant == "Potemkin"
    radii = benchmark.pedantic((lambda: proved(model, x, y)) if ours else programmes, rounds=2 if ours else 1)
    benchmark.extra_info.update(contestant=contestant, family="1-NN", examples=NEIGHBOURS)
    if ours and turn == 0:
        np.testing.assert_allclose(radii, programmes(), rtol=1e-4)
