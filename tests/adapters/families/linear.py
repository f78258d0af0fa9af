"""Linear classifiers."""

from __future__ import annotations

import numpy as np
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

from families.case import Case
from families.data import few

CASES = {
    "logistic": Case(lambda: LogisticRegression(C=0.1, max_iter=60), confidence="softmax"),
    "logistic-cv": Case(lambda: LogisticRegressionCV(Cs=2, cv=2, max_iter=20), confidence="softmax"),
    "linear-svc": Case(lambda: LinearSVC(C=0.05)),
    "sgd-hinge": Case(lambda: SGDClassifier(random_state=0)),
    "sgd-log": Case(lambda: SGDClassifier(loss="log_loss", alpha=0.01, random_state=0), confidence="sigmoid"),
    "sgd-huber": Case(
        lambda: SGDClassifier(loss="modified_huber", alpha=0.01, random_state=0), confidence="clipped score"
    ),
    "perceptron": Case(lambda: Perceptron(random_state=0)),
    "passive-aggressive": Case(lambda: PassiveAggressiveClassifier(random_state=0)),
    "ridge": Case(lambda: RidgeClassifier()),
    "ridge-cv": Case(lambda: RidgeClassifierCV(fit_intercept=False)),
}

SMALL = {
    "logistic": lambda: LogisticRegression(max_iter=30),
    "linear-svc": lambda: LinearSVC(max_iter=100),
    "sgd-log": lambda: SGDClassifier(loss="log_loss", max_iter=20, random_state=0),
    "sgd-huber": lambda: SGDClassifier(loss="modified_huber", max_iter=20, random_state=0),
    "perceptron": lambda: Perceptron(max_iter=20, fit_intercept=False, random_state=0),
    "ridge": lambda: RidgeClassifier(),
}


REFUSED = {
    "LinearSVC with sample weights that leave out a class": lambda: LinearSVC().fit(
        *few(), sample_weight=(few()[1] != 3).astype(float)
    ),
    "sparse coefficients": lambda: LogisticRegression().fit(*few()).sparsify(),
    "RidgeClassifier with several labels": lambda: RidgeClassifier().fit(few()[0], np.eye(10, dtype=int)[few()[1]]),
    "RidgeClassifierCV with several labels": lambda: RidgeClassifierCV().fit(few()[0], np.eye(10, dtype=int)[few()[1]]),
}
