"""What decides a model's labels, opened: the labels are its own, within what it says of rounding, and it travels."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)  # fmt: skip
from sklearn.svm import LinearSVC
from torch import Tensor

import adapters
from adapters.answering import Answering
from adapters.base import Adapter
from adapters.errors import InvalidOutput, Unsupported
from adapters.fitting import fit
from adapters.remote import Remote, Reply
from adapters.structures import GaussianNB as GaussianNBStructure
from adapters.structures import Linear, Structure, wire

SHAPE = (1, 8, 8)
TEN = tuple("0123456789")


def logistic() -> LogisticRegression:
    return LogisticRegression(C=0.1, max_iter=60)


def columns() -> ColumnTransformer:
    """Overlapping columns, a nested pipeline, and what is left."""
    inner = make_pipeline(MinMaxScaler((-1, 2)), PCA(3))
    parts = [("scaled", StandardScaler(), slice(10, 50)), ("inner", inner, [40, 20, 21, 36]), ("no", "drop", [63])]
    return ColumnTransformer([*parts, ("as is", "passthrough", [0, 1, 20])], remainder=RobustScaler(),
                             transformer_weights={"scaled": 0.5})  # fmt: skip


LINEAR: dict[str, Callable[[], Any]] = {
    "logistic": logistic,
    "linear svc": lambda: LinearSVC(C=0.05),
    "ridge": RidgeClassifier,
    "sgd": lambda: SGDClassifier(random_state=0),
    "sgd of probabilities": lambda: SGDClassifier(loss="modified_huber", random_state=0),
    "perceptron": lambda: Perceptron(random_state=0),
    "lda": lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1),
    "multinomial nb": MultinomialNB,
    "complement nb": lambda: ComplementNB(norm=True),
    "bernoulli nb": lambda: BernoulliNB(binarize=None),
    "centroid": NearestCentroid,
    "centroid of priors": lambda: NearestCentroid(priors="empirical", shrink_threshold=0.1),
    "standard": lambda: make_pipeline(StandardScaler(), logistic()),
    "minmax": lambda: make_pipeline(MinMaxScaler((-1, 1)), LinearSVC(C=0.05)),
    "scalers": lambda: make_pipeline("passthrough", MaxAbsScaler(), RobustScaler(with_centering=False), logistic()),
    "pca": lambda: make_pipeline(PCA(20, whiten=True), StandardScaler(), logistic()),
    "incremental pca": lambda: make_pipeline(StandardScaler(), IncrementalPCA(12), logistic()),
    "svd": lambda: make_pipeline(TruncatedSVD(20, random_state=0), RidgeClassifier()),
    "selected": lambda: make_pipeline(VarianceThreshold(), SelectKBest(k=20), SimpleImputer(), logistic()),
    "columns": lambda: make_pipeline(columns(), logistic()),
    "side by side": lambda: make_pipeline(FeatureUnion([("pca", PCA(4)), ("all", StandardScaler())]), logistic()),
    "nested": lambda: make_pipeline(make_pipeline(StandardScaler(), PCA(9)), make_pipeline(MaxAbsScaler(), logistic())),
    "one against the rest": lambda: OneVsRestClassifier(LinearSVC(C=0.05)),
    "pipelines against the rest": lambda: OneVsRestClassifier(make_pipeline(StandardScaler(), logistic())),
    "centroid behind a projection": lambda: make_pipeline(PCA(10), NearestCentroid()),
}  # fmt: skip

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


def fitted(make: Callable[[], Any], train: tuple[np.ndarray, np.ndarray], dtype: type = np.float64) -> Adapter:
    x, y = train[0].reshape(len(train[0]), -1)[:600].astype(dtype), train[1][:600]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return adapters.wrap(make().fit(x, y))


def points(test: tuple[Tensor, Tensor]) -> Tensor:
    """Digits, and inputs of every size."""
    x = test[0][:80].flatten(1)
    noise = torch.rand(80, 64, generator=torch.Generator().manual_seed(0))
    return torch.cat([x, noise, 1e3 * noise, torch.zeros(1, 64)])


def holds(structure: Structure, model: Adapter, x: Tensor) -> None:
    """The labels are the model's own wherever scores differ by more than it says that rounding may make of them."""
    scores = structure.scores(x)
    top = scores.topk(2, dim=1)
    sure = top.values[:, 0] - top.values[:, 1] > structure.roundoff(x)
    assert sure.double().mean() > 0.8
    given = torch.tensor(structure.classes)[top.indices[:, 0]]
    assert torch.equal(given[sure], model.reference_predict(x)[sure])
    assert torch.equal(given[sure], model.predict(x)[sure])


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


# -- in other units ---------------------------------------------------------------------------------------------------


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


# -- through a dataset's classes, and from elsewhere ------------------------------------------------------------------


class Loopback:
    """The channel to a model next door, which may tell what it likes of its structure."""

    def __init__(self, adapter: Adapter, reply: Reply | None = None) -> None:
        self.answering, self.reply = Answering(adapter), reply

    def ask(self, question: str, tensors: Any, options: Any) -> Reply:
        if question == "structure" and self.reply is not None:
            return self.reply
        return self.answering.answer(question, dict(tensors), options)


def same(one: Structure, other: Structure) -> None:
    assert type(one) is type(other)
    for name, value in vars(one).items():
        there = getattr(other, name)
        assert torch.equal(value, there) if isinstance(value, Tensor) else value == there


@pytest.mark.parametrize("make", [logistic, GaussianNB, LINEAR["columns"], LINEAR["centroid"]])
def test_the_same_from_a_process_of_its_own(
    make: Callable[[], Any], digits_train: tuple[np.ndarray, np.ndarray]
) -> None:
    """With some of the classes, in another order."""
    x, y = digits_train
    known = np.isin(y, [7, 2, 5, 4])
    model = fitted(
        make, (x[known], np.array(["seven", "two", "five", "four"])[np.searchsorted([2, 4, 5, 7], y[known])])
    )
    here = fit(model, SHAPE, ("nine", "two", "seven", "four", "five"))
    structure = here.structure(SHAPE)
    assert sorted(structure.classes) == [1, 2, 3, 4]
    same(structure, Remote(Loopback(here)).structure(SHAPE))


def told() -> tuple[dict[str, Tensor], dict[str, Any]]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(10, 64, generator=generator).double()
    return wire.packed(Linear.computed(range(10), weight, weight[:, 0].clone(), torch.float64))


def retold(field: str, value: Any) -> Reply:
    """The structure with something else in a field: a tensor, or what is told in plain."""
    tensors, plain = told()
    fields = dict(plain["fields"]["fields"])
    if isinstance(value, Tensor):
        tensors[fields[field]["tensor"]] = value
    else:
        fields[field] = value
    return Reply(tensors, {**plain, "fields": {"of": "Linear", "fields": fields}})


deep: Any = {}
deep["of"], deep["fields"] = "Linear", deep

FEW = Linear.computed((0, 1), torch.ones(2, 5).double(), torch.ones(2).double(), torch.float64)
HOSTILE = {
    "nothing": Reply({}, {}),
    "no such kind": Reply({}, {"kind": "x" * 10_000 + "\n"}),
    "a kind that is none": Reply({}, {"kind": ["linear"], "fields": None}),
    "no fields": Reply({}, {"kind": "linear", "fields": [1, 2]}),
    "in a circle": Reply({}, {"kind": "linear", "fields": deep}),
    "no tensors": Reply({}, told()[1]),
    "another shape": retold("weight", torch.zeros(10, 63).double()),
    "other features everywhere": Reply(*wire.packed(FEW)),
    "one row too few": retold("bias", torch.zeros(9).double()),
    "a vector for a matrix": retold("weight", torch.zeros(10).double()),
    "no dimension": retold("weight", torch.tensor(1.0).double()),
    "whole numbers": retold("weight", torch.zeros(10, 64, dtype=torch.int64)),
    "float32": retold("bias", torch.zeros(10)),
    "NaN": retold("bias", torch.full((10,), math.nan).double()),
    "infinity": retold("weight", torch.full((10, 64), math.inf).double()),
    "a bound below zero": retold("rest", torch.full((10,), -1.0).double()),
    "a number that is NaN": retold("square", math.nan),
    "a number that is negative": retold("square", -1.0),
    "a text for a number": retold("square", "0.0"),
    "a class twice": retold("classes", [0] * 10),
    "a huge class": retold("classes", [*range(9), 10**30]),
    "a negative class": retold("classes", [*range(9), -1]),
    "too few classes": retold("classes", [0, 1]),
    "no classes": retold("classes", []),
    "classes without end": retold("classes", [0] * 1_000_000),
    "classes that are true": retold("classes", [True, False]),
    "a number for a tensor": retold("weight", 3.0),
    "a tensor of no name": retold("weight", {"tensor": "t99"}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_stranger_tells_is_refused_in_one_line(name: str, digits_train: tuple[np.ndarray, np.ndarray]) -> None:
    here = fit(fitted(logistic, digits_train), SHAPE, TEN)
    with pytest.raises(InvalidOutput, match="the model's process tells of a") as found:
        Remote(Loopback(here, HOSTILE[name])).structure(SHAPE)
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 400


def test_naive_bayes_of_a_stranger_is_checked_too() -> None:
    ones, zero = torch.ones(2, 3).double(), torch.zeros(2).double()
    structure = GaussianNBStructure((0, 1), ones, ones, zero, zero, 1e-9)
    tensors, plain = wire.packed(structure)
    same(structure, wire.unpacked(tensors, plain))
    for name, value in (("t1", -ones), ("t1", torch.zeros(2, 3).double()), ("t0", ones[:, :2]), ("t3", zero - 1)):
        with pytest.raises(InvalidOutput, match="gaussian-nb that makes no sense"):
            wire.unpacked({**tensors, name: value}, plain)
