"""One estimator of every compiled family, at the size that people fit on MNIST."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid, RadiusNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier

import adapters
from adapters.base import Adapter
from bench.datasets import open_dataset

TRAINING = 2000
"""Images of MNIST that each estimator is fitted on."""


class Fitted(NamedTuple):
    estimator: Any
    adapter: Adapter


def _parts() -> list[tuple[str, Any]]:
    return [("logistic", LogisticRegression(C=0.1)), ("tree", DecisionTreeClassifier(random_state=0))]


MAKERS: dict[str, Callable[[], Any]] = {
    "LogisticRegression": lambda: LogisticRegression(C=0.1),
    "LinearSVC": lambda: LinearSVC(C=0.01),
    "SGDClassifier": lambda: SGDClassifier(random_state=0),
    "Perceptron": lambda: Perceptron(random_state=0),
    "RidgeClassifier": lambda: RidgeClassifier(),
    "LinearDiscriminantAnalysis": lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5),
    "QuadraticDiscriminantAnalysis": lambda: QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=0.5),
    "BernoulliNB": lambda: BernoulliNB(binarize=0.5),
    "MultinomialNB": lambda: MultinomialNB(),
    "ComplementNB": lambda: ComplementNB(),
    "GaussianNB": lambda: GaussianNB(var_smoothing=0.01),
    "SVC": lambda: SVC(C=10),
    "NuSVC": lambda: NuSVC(nu=0.1),
    "KNeighborsClassifier": lambda: KNeighborsClassifier(5),
    "RadiusNeighborsClassifier": lambda: RadiusNeighborsClassifier(9.0, outlier_label="most_frequent"),
    "NearestCentroid": lambda: NearestCentroid(),
    "DecisionTreeClassifier": lambda: DecisionTreeClassifier(random_state=0),
    "RandomForestClassifier": lambda: RandomForestClassifier(100, random_state=0),
    "ExtraTreesClassifier": lambda: ExtraTreesClassifier(100, random_state=0),
    "GradientBoostingClassifier": lambda: GradientBoostingClassifier(
        n_estimators=15, max_features="sqrt", random_state=0
    ),
    "HistGradientBoostingClassifier": lambda: HistGradientBoostingClassifier(max_iter=15, random_state=0),
    "AdaBoostClassifier": lambda: AdaBoostClassifier(n_estimators=20, random_state=0),
    "MLPClassifier": lambda: MLPClassifier((100,), max_iter=20, random_state=0),
    "CalibratedClassifierCV": lambda: CalibratedClassifierCV(LinearSVC(C=0.01), cv=3),
    "VotingClassifier": lambda: VotingClassifier(_parts(), voting="soft"),
    "BaggingClassifier": lambda: BaggingClassifier(n_estimators=10, random_state=0),
    "StackingClassifier": lambda: StackingClassifier(_parts(), cv=3),
    "OneVsRestClassifier": lambda: OneVsRestClassifier(LinearSVC(C=0.01)),
    "OneVsOneClassifier": lambda: OneVsOneClassifier(LinearSVC(C=0.01)),
    "OutputCodeClassifier": lambda: OutputCodeClassifier(LinearSVC(C=0.01), random_state=0),
    "StandardScaler, SVC": lambda: make_pipeline(StandardScaler(), SVC()),
    "PCA, LogisticRegression": lambda: make_pipeline(PCA(50, random_state=0), LogisticRegression()),
}
"""Name in the report -> the estimator, not fitted yet."""


@cache
def mnist(train: int = TRAINING) -> tuple[Any, Any, Any, Any]:
    """`(train, 784)` and `(10000, 784)` float32 images and their labels."""
    data = open_dataset("mnist")
    x, test = (data.examples(split, slice(size)) for split, size in (("train", train), ("test", None)))
    labels = data.labels("train")[:train], data.labels("test")
    return x.reshape(len(x), -1), labels[0], test.reshape(len(test), -1), labels[1]


@cache
def fitted(name: str) -> Fitted:
    """The estimator, fitted once, and its adapter."""
    x, y, _, _ = mnist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits stopped early: it is their speed that counts here
        estimator = MAKERS[name]().fit(x, y)
    return Fitted(estimator, adapters.wrap(estimator))


def batch() -> torch.Tensor:
    """`(10000, 784)` float32 test images."""
    return torch.from_numpy(mnist()[2])
