"""On features as they come, unscaled and far from zero, labels and probabilities are the estimator's own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_wine, make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from sklearn_cases import agrees, fitted, noting

Table = tuple[np.ndarray, np.ndarray]


def placed(shift: float, spread: float) -> Table:
    x, y = make_classification(300, 8, n_informative=6, n_classes=3, random_state=0)
    return shift + spread * x, y


TABLES: dict[str, Callable[[], Table]] = {
    "cancer": lambda: load_breast_cancer(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "52.5 +- .01": lambda: placed(52.5, 0.01),
    "1000 +- .01": lambda: placed(1000, 0.01),
    "+- 1e6": lambda: placed(0, 1e6),
}


def calibrated(part: Any, method: str) -> CalibratedClassifierCV:
    return CalibratedClassifierCV(part, method=method, cv=2)


def sgd(loss: str = "log_loss") -> SGDClassifier:
    return SGDClassifier(loss=loss, random_state=0, max_iter=10, tol=None)


ESTIMATORS: dict[str, Callable[[], Any]] = {
    "isotonic of SVC": lambda: calibrated(SVC(), "isotonic"),
    "isotonic of GaussianNB": lambda: calibrated(GaussianNB(), "isotonic"),
    "isotonic of MLP": lambda: calibrated(MLPClassifier((8,), max_iter=10, random_state=0), "isotonic"),
    "isotonic of ridge": lambda: calibrated(RidgeClassifier(), "isotonic"),
    "isotonic of neighbours": lambda: calibrated(KNeighborsClassifier(weights="distance"), "isotonic"),
    "temperature of logistic": lambda: calibrated(LogisticRegression(max_iter=20), "temperature"),
    "temperature of GaussianNB": lambda: calibrated(GaussianNB(), "temperature"),
    "temperature of SVC": lambda: calibrated(SVC(), "temperature"),
    "temperature of SGD": lambda: calibrated(sgd("hinge"), "temperature"),
    "temperature of QDA": lambda: calibrated(QuadraticDiscriminantAnalysis(reg_param=0.1), "temperature"),
    "sigmoid of SVC": lambda: calibrated(SVC(), "sigmoid"),
    "logistic": lambda: LogisticRegression(max_iter=20),
    "SGD": lambda: sgd(),
    "SGD, modified Huber": lambda: sgd("modified_huber"),
    "LDA": lambda: LinearDiscriminantAnalysis(),
    "QDA": lambda: QuadraticDiscriminantAnalysis(reg_param=0.1),
    "GaussianNB": lambda: GaussianNB(),
    "nearest centroid": lambda: NearestCentroid(),
    "nearest centroid, priors": lambda: NearestCentroid(priors="empirical"),
    "MLP": lambda: MLPClassifier((8,), max_iter=10, random_state=0),
    "neighbours": lambda: KNeighborsClassifier(weights="distance"),
    "soft vote": lambda: VotingClassifier([("s", sgd()), ("g", GaussianNB())], voting="soft"),
    "bagging": lambda: BaggingClassifier(sgd(), n_estimators=2, random_state=0),
    "one-vs-rest": lambda: OneVsRestClassifier(sgd()),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_labels_and_probabilities_are_the_estimators_own(name: str) -> None:
    for table, load in TABLES.items():
        x, y = load()
        with noting(table), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = fitted(ESTIMATORS[name](), x, y)
            beside = x + x.std(0) * np.random.default_rng(0).standard_normal(x.shape)
            agrees(model, torch.tensor(x[:80]))
            # Compiled for other devices, what the estimator computes in float32 has as many digits as that.
            digits = 1e-2 if name == "QDA" else 1e-6
            agrees(model, torch.tensor(np.vstack([x[:60], beside[:60]])).float(), digits)
