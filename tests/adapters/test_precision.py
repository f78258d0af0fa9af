"""Gradients in the precision that attacks use: float32 ones point where float64's do, wherever the features lie."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import discriminant_analysis, ensemble, linear_model, multiclass, naive_bayes, neighbors, svm, tree
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn_cases import fitted, noting
from torch import Tensor

from adapters.compiled import SklearnAdapter
from adapters.precision import in_either, widened
from adapters.sklearn.table import TABLE

PLACES = [(0.0, 1.0), (50.0, 0.01), (1000.0, 0.01), (1000.0, 1.0)]
"""Where features lie, and how far they are spread."""


def small(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return make_classification(150, 8, n_informative=6, n_classes=3, random_state=seed)


def logistic() -> linear_model.LogisticRegression:
    return linear_model.LogisticRegression(max_iter=40)


def sgd(loss: str = "log_loss") -> linear_model.SGDClassifier:
    return linear_model.SGDClassifier(loss=loss, random_state=0, max_iter=20, tol=None)


def bushes() -> ensemble.RandomForestClassifier:
    return ensemble.RandomForestClassifier(4, random_state=0)


Make = Callable[[float], Any]
"""An estimator for features of a spread."""
ESTIMATORS: dict[str, Make] = {
    "LogisticRegression": lambda spread: logistic(),
    "LogisticRegressionCV": lambda spread: linear_model.LogisticRegressionCV(Cs=2, cv=2, max_iter=20),
    "SGDClassifier": lambda spread: sgd("modified_huber"),
    "Perceptron": lambda spread: linear_model.Perceptron(),
    "PassiveAggressiveClassifier": lambda spread: linear_model.PassiveAggressiveClassifier(random_state=0),
    "RidgeClassifier": lambda spread: linear_model.RidgeClassifier(),
    "RidgeClassifierCV": lambda spread: linear_model.RidgeClassifierCV(),
    "LinearSVC": lambda spread: svm.LinearSVC(max_iter=50),
    "LinearDiscriminantAnalysis": lambda spread: discriminant_analysis.LinearDiscriminantAnalysis(),
    "QuadraticDiscriminantAnalysis": lambda spread: discriminant_analysis.QuadraticDiscriminantAnalysis(
        reg_param=0.1 * min(1, spread**2), tol=1e-9
    ),
    "GaussianNB": lambda spread: naive_bayes.GaussianNB(),
    "MultinomialNB": lambda spread: make_pipeline(MinMaxScaler(clip=True), naive_bayes.MultinomialNB()),
    "ComplementNB": lambda spread: make_pipeline(MinMaxScaler(clip=True), naive_bayes.ComplementNB()),
    "BernoulliNB": lambda spread: make_pipeline(MinMaxScaler(clip=True), naive_bayes.BernoulliNB(binarize=0.5)),
    "SVC": lambda spread: svm.SVC(),
    "NuSVC": lambda spread: svm.NuSVC(nu=0.2),
    "KNeighborsClassifier": lambda spread: neighbors.KNeighborsClassifier(),
    "RadiusNeighborsClassifier": lambda spread: neighbors.RadiusNeighborsClassifier(
        4 * spread, outlier_label="most_frequent"
    ),
    "NearestCentroid": lambda spread: neighbors.NearestCentroid(),
    "MLPClassifier": lambda spread: MLPClassifier((8,), random_state=0, max_iter=20),
    "DecisionTreeClassifier": lambda spread: tree.DecisionTreeClassifier(random_state=0),
    "ExtraTreeClassifier": lambda spread: tree.ExtraTreeClassifier(random_state=0),
    "RandomForestClassifier": lambda spread: bushes(),
    "ExtraTreesClassifier": lambda spread: ensemble.ExtraTreesClassifier(4, random_state=0),
    "GradientBoostingClassifier": lambda spread: ensemble.GradientBoostingClassifier(n_estimators=3, random_state=0),
    "HistGradientBoostingClassifier": lambda spread: ensemble.HistGradientBoostingClassifier(max_iter=3),
    "CalibratedClassifierCV": lambda spread: CalibratedClassifierCV(svm.SVC(), cv=2, method="isotonic"),
    "VotingClassifier": lambda spread: ensemble.VotingClassifier([("s", svm.SVC()), ("l", sgd()), ("f", bushes())]),
    "BaggingClassifier": lambda spread: ensemble.BaggingClassifier(sgd(), n_estimators=3, random_state=0),
    "StackingClassifier": lambda spread: ensemble.StackingClassifier([("s", svm.SVC()), ("l", logistic())], cv=2),
    "AdaBoostClassifier": lambda spread: ensemble.AdaBoostClassifier(logistic(), n_estimators=2),
    "OneVsRestClassifier": lambda spread: multiclass.OneVsRestClassifier(svm.SVC()),
    "OneVsOneClassifier": lambda spread: multiclass.OneVsOneClassifier(svm.SVC()),
    "OutputCodeClassifier": lambda spread: multiclass.OutputCodeClassifier(logistic(), random_state=0),
    "Pipeline": lambda spread: make_pipeline(StandardScaler(), svm.SVC()),
}
KERNELS: dict[str, Make] = {
    "linear": lambda spread: svm.SVC(kernel="linear", C=0.1 / spread**2, max_iter=500),
    "poly": lambda spread: svm.SVC(kernel="poly", gamma=0.05 / spread**2, coef0=1.0, max_iter=500),
    "sigmoid": lambda spread: svm.SVC(kernel="sigmoid", gamma=1e-6, coef0=-0.1, C=1e7, max_iter=500),
    "narrow": lambda spread: svm.SVC(gamma=30 / spread**2),
    "nearest": lambda spread: neighbors.KNeighborsClassifier(1, weights="distance"),
    "manhattan": lambda spread: neighbors.KNeighborsClassifier(3, p=1),
}
"""Settings of families of which the table has one line."""


def test_every_compiled_class_of_scikit_learn_is_here() -> None:
    known = {name.rsplit(".", 1)[1] for name in TABLE if name.startswith("sklearn.")}
    assert known == ESTIMATORS.keys()


@cache
def placed(name: str, shift: float, spread: float, seed: int = 0) -> tuple[SklearnAdapter, Tensor, Tensor]:
    """The model fitted on features there, and inputs beside them with their classes."""
    x, y = small(seed)
    x = (shift + spread * x).astype(np.float32).astype(np.float64)
    model = fitted((ESTIMATORS | KERNELS)[name](spread), x, y)
    beside = x[:60] + 0.3 * spread * np.random.default_rng(0).standard_normal((60, 8))
    return model, torch.tensor(beside).float(), torch.tensor(y[:60])


def turned(model: SklearnAdapter, x: Tensor, y: Tensor, loss: Any) -> float:
    """Share of the examples whose float32 gradient does not point where the float64 one does."""
    narrow, wide = model.input_gradient(x, y, loss).double(), model.input_gradient(x.double(), y, loss)
    largest = wide.abs().amax(1, keepdim=True)
    cosine = torch.cosine_similarity(
        narrow / narrow.abs().amax(1, keepdim=True).clamp_min(1e-300), wide / largest.where(largest > 0, 1), dim=1
    )
    return float(((cosine < 0.99) & (largest[:, 0] > 0)).double().mean())


@pytest.mark.parametrize("name", [*ESTIMATORS, *KERNELS])
def test_float32_gradients_point_where_float64_ones_do(name: str) -> None:
    for (shift, spread), loss in product(PLACES, ("training", "margin")):
        with noting(shift, spread, loss), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert turned(*placed(name, shift, spread), loss) <= 0.02  # a kink that rounding decides


@given(
    st.sampled_from(["SVC", "KNeighborsClassifier", "LinearSVC", "DecisionTreeClassifier", "BaggingClassifier"]),
    st.sampled_from([0.0, 3.0, -52.5, 200.0, 1000.0, -1e4]),
    st.sampled_from([1.0, 1e-2, 1e2]),
    st.integers(0, 3),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_the_same_at_drawn_places(name: str, shift: float, spread: float, seed: int) -> None:
    for loss in ("training", "margin"):
        assert turned(*placed(name, shift, spread, seed), loss) <= 0.05


def test_what_float32_does_well_is_left_to_it() -> None:
    """The families of the reference models keep their speed, and their very gradients, on images and their like."""
    for name in ("SVC", "LinearSVC", "KNeighborsClassifier", "DecisionTreeClassifier", "RandomForestClassifier"):
        model, x, _ = placed(name, 0.0, 1.0)
        assert not model._rough(x).any(), name
        model, x, _ = placed(name, 1000.0, 0.01)
        assert model._rough(x).any() or name == "LinearSVC", name


def test_latitudes_attack_an_svc_in_float32_as_in_float64() -> None:
    x, y = make_classification(500, 8, n_informative=6, n_classes=3, random_state=0)
    x = (52.5 + 0.01 * x).astype(np.float32)
    model, points, true = fitted(svm.SVC(), x, y), torch.tensor(x[:200]), torch.tensor(y[:200])
    errors = [
        float(
            (model.predict(points + 0.003 * model.input_gradient(batch, true).sign().float()) != true).double().mean()
        )
        for batch in (points, points.double())
    ]
    assert errors[0] == errors[1] > 0.3


def test_far_kernels_keep_their_direction() -> None:
    """Below e^-30 the kernel is nothing to float32; the direction is that of the nearest support vectors still."""
    x, y = small()
    model = fitted(svm.SVC(gamma=1.0), x, y)
    points = torch.tensor(x[:40] + np.sign(x[:40]) * 6).float()
    labels = torch.tensor(y[:40])
    assert (model._kernel_values(points).amax(1) < 1e-30).any()  # type: ignore[attr-defined]
    for loss in ("training", "margin"):
        assert turned(model, points, labels, loss) == 0


def test_a_row_is_widened_alone() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)
    seen: list[torch.dtype] = []

    def squares(part: Tensor, rows: Tensor) -> Tensor:
        seen.append(part.dtype)
        return (part**2).sum(1) + rows

    values = in_either(x, torch.tensor([False, True, False]), squares)
    assert sorted(map(str, seen)) == ["torch.float32", "torch.float64"]
    assert values.tolist() == [5.0, 26.0, 63.0]
    (gradient,) = torch.autograd.grad(values.sum(), x)
    assert torch.equal(gradient, 2 * x.detach())


@pytest.mark.parametrize("size", [1e-200, 1e-40, 1.0, 1e200])
def test_gradients_beyond_float32_keep_their_direction(size: float) -> None:
    x = torch.ones(2, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad((size * widened(x) * torch.tensor([1.0, -2.0, 0.0])).sum(), x)
    assert gradient.isfinite().all()
    torch.testing.assert_close(gradient[0] / gradient[0].abs().max(), torch.tensor([0.5, -1.0, 0.0]))
