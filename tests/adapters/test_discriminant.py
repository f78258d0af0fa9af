"""Discriminant analysis: every solver and setting, small problems with ties, and bounds that hold."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from families.data import digits
from sklearn.covariance import OAS
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn_cases import agrees, fitted, noting, probes

from adapters.sklearn.discriminant import QuadraticAdapter

SETTINGS: dict[str, Any] = {
    "lda-svd": lambda k: LinearDiscriminantAnalysis(n_components=1, store_covariance=True),
    "lda-priors": lambda k: LinearDiscriminantAnalysis(priors=np.arange(1, k + 1) / np.arange(1, k + 1).sum()),
    "lda-estimator": lambda k: LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=OAS()),
    "lda-eigen": lambda k: LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.5),
    "qda-svd": lambda k: QuadraticDiscriminantAnalysis(reg_param=0.01, tol=1e-9, store_covariance=True),
    "qda-priors": lambda k: QuadraticDiscriminantAnalysis(reg_param=0.5, priors=np.arange(1, k + 1)),
    "qda-prior-zero": lambda k: QuadraticDiscriminantAnalysis(reg_param=0.5, priors=[0, *[1] * (k - 1)]),
    "qda-shrunk": lambda k: QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=0.3),
    "qda-estimator": lambda k: QuadraticDiscriminantAnalysis(solver="eigen", covariance_estimator=OAS()),
}


@pytest.mark.filterwarnings("ignore:divide by zero")
@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting(name: str) -> None:
    for classes, narrow in product((5, 2), (False, True)):
        with noting(classes, "float32" if narrow else "float64"):
            keeps_its_word(name, classes, narrow)


def keeps_its_word(name: str, classes: int, narrow: bool) -> None:
    x, y, clean, _ = digits()
    model = fitted(SETTINGS[name](classes), x if narrow else x.astype(np.float64), y % classes)
    inputs = torch.from_numpy(clean)
    noise = torch.rand(inputs.shape, generator=torch.Generator().manual_seed(0))
    for batch in (inputs, inputs * noise, inputs.double()):
        # An estimator that computes in float32 has probabilities of as many digits as that.
        agrees(model, batch, 1e-3 if narrow else 1e-6)
    labels = model.predict(inputs)
    gradient = model.input_gradient(inputs, labels)
    assert gradient.isfinite().all()
    assert (gradient.abs().amax(1) > 0).all()
    assert model.log_probabilities(inputs).isfinite().all()


@pytest.mark.parametrize("solver", ["svd", "lsqr", "eigen", "quadratic"])
def test_small_problems_with_ties(solver: str) -> None:
    """Points on a coarse grid, mirrored between two classes in every other problem: rows of equal posteriors."""
    for seed in range(20):
        with noting("seed", seed):
            settles_ties(solver, seed)


def settles_ties(solver: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes, features = rng.integers(2, 4), rng.integers(1, 4)
    points = np.concatenate([np.eye(features), -np.eye(features), rng.integers(-2, 3, (6, features))])
    x = np.concatenate([points, -points, points + 1][:classes])
    y = np.repeat(np.arange(classes), len(points))
    if solver == "quadratic":
        model = fitted(QuadraticDiscriminantAnalysis(reg_param=0.1), x, y)
    else:
        model = fitted(LinearDiscriminantAnalysis(solver=solver), x, y)
    for batch in (torch.from_numpy(x), torch.from_numpy(rng.integers(-3, 4, (60, features)).astype(np.float32) / 2)):
        agrees(model, batch)


@pytest.mark.parametrize("narrow", [False, True], ids=["fit64", "fit32"])
@pytest.mark.parametrize("regularisation", [1e-3, 0.5])
def test_the_rounding_bound_of_qda_holds_and_opens_few_rows(regularisation: float, narrow: bool) -> None:
    x, y, clean, _ = digits()
    estimator = QuadraticDiscriminantAnalysis(reg_param=regularisation)
    model = fitted(estimator, x if narrow else x.astype(np.float64), y)
    assert isinstance(model, QuadraticAdapter)
    inputs, batch = probes("qda"), torch.from_numpy(clean)
    scores, error = model._bounded(inputs)
    assert ((model._own_scores(inputs) - scores).abs() <= error).all()
    assert len(model._unsure(batch, *model._bounded(batch))) <= (0.15 if narrow else 0) * len(clean)
