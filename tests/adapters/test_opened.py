"""What decides a model's labels, opened: the labels are its own, within what it says of rounding, and it travels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from opened import LINEAR, fitted, holds, logistic, points
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    StandardScaler,
)  # fmt: skip
from sklearn.svm import LinearSVC
from torch import Tensor

import adapters
from adapters.errors import Unsupported
from adapters.structures import Linear

CLOSED: dict[str, tuple[Callable[[], Any], str]] = {
    "thresholds": (lambda: BernoulliNB(binarize=0.5), "cuts its inputs at a threshold"),
    "manhattan": (lambda: NearestCentroid(metric="manhattan"), "Manhattan distance"),
    "quadratic": (
        lambda: QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=0.2),
        "of discriminant",
    ),
    "normalizer": (lambda: make_pipeline(Normalizer(), logistic()), "behind a Normalizer, which is not affine"),
    "polynomial": (lambda: make_pipeline(SelectKBest(k=5), PolynomialFeatures(2), logistic()), "PolynomialFeatures"),
    "bins": (lambda: make_pipeline(KBinsDiscretizer(3, encode="ordinal"), logistic()), "behind a KBinsDiscretizer"),
    "clip": (lambda: make_pipeline(MinMaxScaler(clip=True), logistic()), "behind a scaler that clips"),
    "zeros are missing": (lambda: make_pipeline(SimpleImputer(missing_values=0), logistic()), "fills in numbers"),
    "votes": (lambda: VotingClassifier([("a", LinearSVC()), ("b", logistic())]), "votes are counted"),
    "bagging": (lambda: BaggingClassifier(logistic(), 2), "probabilities averaged"),
    "adaboost": (lambda: AdaBoostClassifier(logistic(), n_estimators=2), "votes are counted"),
    "stacking": (lambda: StackingClassifier([("a", logistic())], cv=2), "what others say"),
    "calibrated": (lambda: CalibratedClassifierCV(LinearSVC(), cv=2), "goes through a curve"),
    "pairs": (lambda: OneVsOneClassifier(LinearSVC()), "the votes of pairs"),
    "codes": (lambda: OutputCodeClassifier(LinearSVC(), random_state=0), "nearest code"),
    "probabilities compared": (lambda: OneVsRestClassifier(MultinomialNB()), "round to 1"),
    "scaled quadratics": (lambda: make_pipeline(StandardScaler(), GaussianNB()), "a gaussian-nb behind a scaling"),
    "projected quadratics": (lambda: make_pipeline(PCA(5), GaussianNB()), "a gaussian-nb behind a projection"),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_model_is_opened(name: str, dtype: type, digits_train: tuple[np.ndarray, np.ndarray],
                                  digits_test: tuple[Tensor, Tensor]) -> None:  # fmt: skip
    model = fitted(LINEAR[name], digits_train, dtype)
    structure = model.structure((64,))
    assert isinstance(structure, Linear)
    assert structure.weight.shape == (10, 64)
    holds(structure, model, points(digits_test))


@pytest.mark.parametrize("name", ["logistic", "ridge", "multinomial nb", "centroid", "pca", "one against the rest"])
def test_of_two_classes(
    name: str, digits_train: tuple[np.ndarray, np.ndarray], digits_test: tuple[Tensor, Tensor]
) -> None:
    x, y = digits_train
    model = fitted(LINEAR[name], (x, np.where(y < 5, "low", "high")))
    structure = model.structure((64,))
    assert structure.classes == (0, 1)
    holds(structure, model, points(digits_test)[:160])


@pytest.mark.parametrize("name", CLOSED)
def test_what_cannot_be_opened_says_why(name: str, digits_train: tuple[np.ndarray, np.ndarray]) -> None:
    make, why = CLOSED[name]
    with pytest.raises(Unsupported, match=why) as found:
        fitted(make, digits_train).structure((64,))
    assert "\n" not in str(found.value)


def test_an_ensemble_says_why(digits_train: tuple[np.ndarray, np.ndarray]) -> None:
    model = fitted(logistic, digits_train)
    for rule, how in (("mean", "probabilities are averaged"), ("vote", "votes are counted")):
        with pytest.raises(Unsupported, match=how):
            adapters.ensemble([model, model], rule=rule).structure((64,))  # type: ignore[arg-type]


def test_a_class_of_prior_zero_is_not_among_them(digits_train: tuple[np.ndarray, np.ndarray],
                                                 digits_test: tuple[Tensor, Tensor]) -> None:  # fmt: skip
    """Its score of minus infinity would pass for a number so large that rounding decides everything."""
    priors = np.array([0.0, *[1 / 9] * 9])
    for make in (lambda: MultinomialNB(class_prior=priors), lambda: GaussianNB(priors=priors, var_smoothing=0.1)):
        with np.errstate(divide="ignore"):
            model = fitted(make, digits_train)
            structure = model.structure((64,))
            assert structure.classes == tuple(range(1, 10))
            holds(structure, model, points(digits_test)[:80])


@pytest.mark.parametrize("scaling", [
    {"mean": 0.3, "std": 0.25}, {"scale": 255.0}, {"scale": 16.0, "mean": [float(i) for i in range(64)], "std": 3.0},
    {"mean": 1000.0, "std": 0.01},
])  # fmt: skip
def test_a_scaling_is_seen_through(scaling: dict[str, Any], digits_train: tuple[np.ndarray, np.ndarray]) -> None:
    """What float32 loses in it is within the bound: the last one loses nearly all."""
    inner = fitted(logistic, digits_train)
    scaled = adapters.wrap(inner, **scaling)
    x = torch.rand(100, 64, generator=torch.Generator().manual_seed(0))
    structure = scaled.structure((64,))
    exact = x.double() * scaling.get("scale", 1) - torch.tensor(scaling.get("mean", 0.0)).double()
    opened = inner.structure((64,))
    given = opened.scores(scaled.scaling(x))  # type: ignore[attr-defined]
    differences = (given - given[:, :1]) - (structure.scores(x) - structure.scores(x)[:, :1])
    off = differences.abs().amax(1)
    assert bool((off <= structure.roundoff(x)).all())
    assert float((structure.roundoff(x) / off.clamp_min(1e-12)).median()) < 1e3  # and the bound says something
    np.testing.assert_allclose(structure.scores(x), opened.scores(exact / scaling.get("std", 1)), rtol=1e-6, atol=1e-6)


def test_a_bias_that_cancels_keeps_its_rounding() -> None:
    """Behind a mean of 1e6 a bias of 0 is the difference of millions: so is what float32 makes of it."""
    plain = Linear.computed(
        (0, 1), torch.tensor([[1.0], [-1.0]]).double(), torch.tensor([1e6, -1e6]).double(), torch.float64
    )
    structure = plain.scaled(torch.ones(1).double(), torch.full((1,), -1e6).double())
    assert structure.bias.tolist() == [0.0, 0.0]
    assert float(structure.roundoff(torch.zeros(1, 1))) > 0.1
