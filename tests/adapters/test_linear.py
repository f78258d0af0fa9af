"""Linear classifiers: every setting, and the special cases of SGDClassifier's probabilities."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from families.data import digits
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    PassiveAggressiveClassifier,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.svm import LinearSVC
from sklearn_cases import fitted, noting, own, own_labels

from adapters.compiled import SklearnAdapter
from adapters.errors import Unsupported
from adapters.sklearn.linear import SGDAdapter
from adapters.sklearn.table import compile_part

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

LOSSES = [
    "hinge",
    "log_loss",
    "modified_huber",
    "squared_hinge",
    "perceptron",
    "squared_error",
    "huber",
    "epsilon_insensitive",
    "squared_epsilon_insensitive",
]

SETTINGS: dict[str, Any] = {
    "l1": LogisticRegression(penalty="l1", solver="saga", C=0.1, max_iter=20),
    "elasticnet": LogisticRegression(penalty="elasticnet", solver="saga", l1_ratio=0.5, C=0.1, max_iter=20),
    "no-intercept": LogisticRegression(fit_intercept=False, max_iter=20),
    "balanced": LogisticRegression(class_weight="balanced", solver="newton-cg", max_iter=20),
    "cv-averaged": LogisticRegressionCV(Cs=2, cv=2, max_iter=20, refit=False),
    "svc-no-intercept": LinearSVC(fit_intercept=False, max_iter=50),
    "svc-crammer-singer": LinearSVC(multi_class="crammer_singer", max_iter=50),
    **{f"sgd-{loss}": SGDClassifier(loss=loss, max_iter=5, eta0=0.01, random_state=0) for loss in LOSSES},
    "sgd-averaged": SGDClassifier(loss="log_loss", average=True, max_iter=5, random_state=0),
    "sgd-l1": SGDClassifier(loss="modified_huber", penalty="l1", fit_intercept=False, max_iter=5, random_state=0),
    "perceptron-l2": Perceptron(penalty="l2", class_weight="balanced", random_state=0),
    "passive-aggressive-2": PassiveAggressiveClassifier(loss="squared_hinge", random_state=0),
    "ridge-no-intercept": RidgeClassifier(fit_intercept=False),
    "ridge-balanced": RidgeClassifier(class_weight="balanced", solver="sag"),
    "ridge-cv-folds": RidgeClassifierCV(alphas=(0.1, 10), cv=3),
    "lda-priors": LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1, priors=[0.4, *[0.6 / 9] * 9]),
}


def batch() -> torch.Tensor:
    """Test images and noise around them."""
    x = torch.from_numpy(digits()[2])
    return torch.cat([x, x + torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) - 0.5])


def agrees(model: SklearnAdapter, x: torch.Tensor, narrow: bool = False) -> None:
    """Labels are the estimator's own, and probabilities; where it computes in float32 to as many digits as that has."""
    expected = own_labels(model, x)
    for (labels, scores, probabilities), tolerance in (
        (model.outputs(x), 1e-6),
        (model._compiled(x), 1e-3 if narrow else 1e-6),
    ):
        np.testing.assert_array_equal(labels, expected)
        assert scores is not None
        assert torch.equal(scores.argmax(1), labels)
        if model.confidence_kind:
            np.testing.assert_allclose(probabilities, own(model, "predict_proba", x), atol=tolerance, rtol=0)
        else:
            assert probabilities is None


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting(name: str) -> None:
    x, y, _, _ = digits()
    for classes, narrow in product((10, 2), (False, True)):
        estimator = SETTINGS[name]
        if name == "lda-priors" and classes == 2:
            estimator = estimator.__class__(priors=[0.9, 0.1])
        with noting(classes, "float32" if narrow else "float64"):
            agrees(fitted(estimator, x if narrow else x.astype(np.float64), y % classes), batch(), narrow)


@pytest.mark.parametrize("loss", ["log_loss", "modified_huber"])
@pytest.mark.parametrize("narrow", [False, True], ids=["fit64", "fit32"])
def test_probabilities_where_no_class_has_any(loss: str, narrow: bool) -> None:
    """Scores around the last that leaves a class a share: below it scikit-learn spreads the probability evenly."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 4)).astype(np.float32 if narrow else np.float64)
    model = fitted(SGDClassifier(loss=loss, random_state=0), x, np.arange(60) % 3)
    last = -1 if loss == "modified_huber" else -88 if narrow else -709
    shifts = last + np.array([-800, -40, -20, -1, -0.5, -1e-4, -1e-7, 0, 1e-7, 1e-4, 0.5, 1, 20])
    inputs = torch.from_numpy(x)
    spreads = []
    for shift in shifts:
        estimator = model.estimator
        estimator.coef_, estimator.intercept_ = np.zeros_like(estimator.coef_), np.full(3, shift, dtype=x.dtype)
        estimator.coef_[:, :3] = 1e-3 * np.eye(3)
        shifted = compile_part(estimator)
        assert isinstance(shifted, SGDAdapter)
        agrees(shifted, inputs, narrow)
        spreads.append(np.ptp(own(shifted, "predict_proba", inputs)))
        logs = shifted.log_probabilities(inputs.requires_grad_())
        assert logs.isfinite().all()
        (gradient,) = torch.autograd.grad(logs[:, 0].sum(), inputs)
        assert (gradient.abs().amax(1) > 0).all()
        inputs = inputs.detach()
    spreads = np.nan_to_num(spreads)  # scikit-learn 1.8 divides zero by zero
    assert min(spreads) == 0
    assert max(spreads) > 0


def test_sgd_without_probabilities_has_none() -> None:
    x, y, clean, _ = digits()
    model = fitted(SGDClassifier(random_state=0), x, y)
    assert (model.confidence_kind, model.probability, model.decision) == (None, "none", "exact")
    with pytest.raises(Unsupported, match="linear has no probabilities"):
        model.log_probabilities(torch.from_numpy(clean))


@pytest.mark.parametrize("estimator", [RidgeClassifier(), LinearDiscriminantAnalysis()])
def test_a_part_that_knows_one_class(estimator: Any) -> None:
    x, _, clean, _ = digits()
    part = compile_part(estimator.fit(x.astype(np.float64), np.full(len(x), 7)))
    inputs = torch.from_numpy(clean)
    for labels, scores, probabilities in (part.outputs(inputs), part._compiled(inputs)):
        assert (labels == 0).all()
        assert scores is not None
        assert scores.shape == (len(inputs), 1)
        assert probabilities is None or (probabilities == 1).all()
    np.testing.assert_allclose(part.decision_values(inputs)[:, 0], own(part, "decision_function", inputs), atol=1e-6)


@pytest.mark.parametrize("priors", [[0, 1], [1, 0], [0.5, 0, 0.5]])
def test_a_class_of_prior_zero_never_wins(priors: list[float]) -> None:
    x, y, _, _ = digits()
    model = fitted(LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1, priors=priors), x, y % len(priors))
    inputs = batch()
    agrees(model, inputs, narrow=True)
    labels = model.predict(inputs)
    assert not (labels == priors.index(0)).any()
    assert model.input_gradient(inputs, labels).isfinite().all()
    assert model.log_probabilities(inputs).isfinite().all()


def test_the_gradient_of_a_logistic_regression_outlasts_its_cross_entropy() -> None:
    """At log-odds of thousands, where the probability of error is no number."""
    x, y, clean, _ = digits()
    model = fitted(LogisticRegression(C=0.1), x, y)
    inputs = torch.from_numpy(clean * 1000)
    labels = model.predict(inputs)
    assert (model.input_gradient(inputs, labels, "cross_entropy") == 0).all(dim=1).any()
    assert (model.input_gradient(inputs, labels).abs().amax(1) > 0).all()


def test_an_exact_tie_is_the_first_class() -> None:
    x, y, _, _ = digits()
    for classes in (2, 10):
        model = fitted(RidgeClassifier(fit_intercept=False), x, y % classes)
        zeros = torch.zeros(3, x.shape[1])
        assert (model.predict(zeros) == 0).all()
        assert (model._compiled(zeros).labels == 0).all()
        assert (own_labels(model, zeros) == 0).all()
