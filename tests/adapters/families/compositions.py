"""Estimators made of estimators."""

from __future__ import annotations

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from families.case import Case
from families.data import few, several_outputs


def logistic(strength: float = 0.1) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=60)


def linear() -> LinearSVC:
    return LinearSVC(C=0.05)


def tree(depth: int | None = 6) -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=depth, random_state=0)


def forest(trees: int = 8) -> RandomForestClassifier:
    return RandomForestClassifier(trees, random_state=0)


_CALIBRATED = {"confidence": "calibrated"}
_STAND_IN = {"gradient": "surrogate"}

CASES = {
    "calibrated-sigmoid": Case(lambda: CalibratedClassifierCV(linear(), cv=3), **_CALIBRATED),
    "calibrated-isotonic": Case(
        lambda: CalibratedClassifierCV(linear(), cv=3, method="isotonic"), **_CALIBRATED, **_STAND_IN
    ),
    "calibrated-temperature": Case(
        lambda: CalibratedClassifierCV(linear(), cv=3, method="temperature", ensemble=False), **_CALIBRATED
    ),
    "calibrated-bayes": Case(lambda: CalibratedClassifierCV(GaussianNB(var_smoothing=0.01), cv=2), **_CALIBRATED),
    "calibrated-forest": Case(
        lambda: CalibratedClassifierCV(forest(), cv=3, method="isotonic", ensemble=False), **_CALIBRATED, **_STAND_IN
    ),
    "calibrated-forest-temperature": Case(
        lambda: CalibratedClassifierCV(forest(), cv=2, method="temperature"), **_CALIBRATED, **_STAND_IN
    ),
    "calibrated-one-vs-rest": Case(lambda: CalibratedClassifierCV(OneVsRestClassifier(linear()), cv=2), **_CALIBRATED),
    "vote-hard": Case(
        lambda: VotingClassifier([("l", logistic()), ("v", linear()), ("t", tree()), ("s", SVC())]), **_STAND_IN
    ),
    "vote-hard-weighted": Case(
        lambda: VotingClassifier(
            [("l", logistic()), ("x", "drop"), ("v", linear()), ("t", tree())], weights=[1, 7, 2, 1]
        ),
        **_STAND_IN,
    ),
    "vote-soft": Case(
        lambda: VotingClassifier(
            [("l", logistic()), ("t", tree()), ("x", "drop"), ("f", forest())], voting="soft", weights=[1, 2, 7, 0.5]
        ),
        confidence="mean probability",
        **_STAND_IN,
    ),
    "vote-soft-logistic": Case(
        lambda: VotingClassifier([("a", logistic(1)), ("b", logistic(0.01))], voting="soft"),
        confidence="softmax",
        **_STAND_IN,
    ),
    "bagging": Case(
        lambda: BaggingClassifier(n_estimators=8, max_samples=0.5, n_jobs=2, random_state=0),
        confidence="leaf fraction",
        **_STAND_IN,
    ),
    "bagging-logistic": Case(
        lambda: BaggingClassifier(logistic(), n_estimators=4, max_features=0.5, random_state=0),
        confidence="softmax",
        **_STAND_IN,
    ),
    "bagging-votes": Case(
        lambda: BaggingClassifier(linear(), n_estimators=6, max_features=0.7, bootstrap_features=True, random_state=0),
        confidence="votes",
        **_STAND_IN,
    ),
    "vote-of-baggings": Case(
        lambda: VotingClassifier(
            [("t", BaggingClassifier(tree(), n_estimators=3, random_state=0)), ("l", logistic())], voting="soft"
        ),
        confidence="mean probability",
        **_STAND_IN,
    ),
    "stacking": Case(
        lambda: StackingClassifier([("l", logistic()), ("v", linear()), ("f", forest()), ("x", "drop")], cv=2),
        confidence="softmax",
        **_STAND_IN,
    ),
    "stacking-exact": Case(
        lambda: StackingClassifier([("l", logistic()), ("v", linear())], linear(), cv=2, passthrough=True)
    ),
    "stacking-tree": Case(
        lambda: StackingClassifier(
            [("l", logistic()), ("v", linear())], tree(), cv=2, stack_method="decision_function"
        ),
        confidence="leaf fraction",
        **_STAND_IN,
    ),
    "stacking-labels": Case(
        lambda: StackingClassifier([("l", logistic()), ("t", tree())], cv=2, stack_method="predict", passthrough=True),
        confidence="softmax",
        **_STAND_IN,
    ),
    "adaboost": Case(
        lambda: AdaBoostClassifier(tree(4), n_estimators=10, random_state=0), confidence="softmax of votes", **_STAND_IN
    ),
    "adaboost-stumps": Case(  # of which twenty err on a third of ten digits anyway
        lambda: AdaBoostClassifier(n_estimators=20, random_state=0),
        confidence="softmax of votes",
        beats_noise_by=0.1,
        **_STAND_IN,
    ),
    "adaboost-logistic": Case(
        lambda: AdaBoostClassifier(logistic(), n_estimators=4, learning_rate=0.5),
        confidence="softmax of votes",
        **_STAND_IN,
    ),
    "one-vs-rest": Case(lambda: OneVsRestClassifier(linear())),
    "one-vs-rest-logistic": Case(lambda: OneVsRestClassifier(logistic()), confidence="one-vs-rest"),
    "one-vs-rest-trees": Case(lambda: OneVsRestClassifier(tree()), confidence="one-vs-rest", **_STAND_IN),
    "one-vs-one": Case(lambda: OneVsOneClassifier(linear())),
    "one-vs-one-trees": Case(lambda: OneVsOneClassifier(tree()), **_STAND_IN),
    "codes": Case(lambda: OutputCodeClassifier(linear(), random_state=0)),
    "codes-trees": Case(lambda: OutputCodeClassifier(tree(), code_size=2, random_state=0), **_STAND_IN),
}

SMALL = {
    "vote-hard": lambda: VotingClassifier([("t", tree(2)), ("n", KNeighborsClassifier(1)), ("l", logistic())]),
    "vote-soft": lambda: VotingClassifier(
        [("t", tree(2)), ("n", KNeighborsClassifier(2))], voting="soft", weights=[1, 2]
    ),
    "bagging-trees": lambda: BaggingClassifier(n_estimators=5, random_state=0),
    "bagging-neighbors": lambda: BaggingClassifier(
        KNeighborsClassifier(1), n_estimators=4, max_samples=4, random_state=0
    ),
    "adaboost": lambda: AdaBoostClassifier(tree(4), n_estimators=4, random_state=0),
    "one-vs-rest": lambda: OneVsRestClassifier(logistic()),
    "one-vs-rest-trees": lambda: OneVsRestClassifier(tree(3)),
    "one-vs-one": lambda: OneVsOneClassifier(LinearSVC(max_iter=100)),
    "one-vs-one-trees": lambda: OneVsOneClassifier(tree(3)),
    "codes": lambda: OutputCodeClassifier(logistic(), random_state=0),
    "codes-trees": lambda: OutputCodeClassifier(tree(3), code_size=2, random_state=1),
}


def several_labels() -> tuple[np.ndarray, np.ndarray]:
    """Sixty images, each with a label or not of two."""
    x, y = several_outputs()
    return x, y % [2, 3] == 0


REFUSED = {
    "VotingClassifier with part 'r' (KNeighborsClassifier): KNeighborsClassifier with metric='cosine'": (
        lambda: VotingClassifier([("l", logistic()), ("r", KNeighborsClassifier(metric="cosine"))]).fit(*few())
    ),
    "VotingClassifier with part 'v' (LinearSVC): its predict_proba does not exist": lambda: VotingClassifier(
        [("l", logistic()), ("v", linear())], voting="soft"
    ).fit(*few()),
    "VotingClassifier with negative weights": lambda: VotingClassifier(
        [("l", logistic()), ("v", linear())], weights=[2, -1]
    ).fit(*few()),
    "VotingClassifier with weights for other parts": lambda: (
        VotingClassifier([("l", logistic()), ("v", linear())], weights=[2, 1]).fit(*few()).set_params(v="drop")
    ),
    "VotingClassifier with a frozen part that was fitted on other labels": lambda: VotingClassifier(
        [("l", FrozenEstimator(logistic().fit(few()[0], few()[1] + 5)))]
    ).fit(*few()),
    "BaggingClassifier with part 0 (SVC): SVC with precomputed kernel": lambda: BaggingClassifier(
        SVC(kernel="precomputed")
    ).fit(few()[0] @ few()[0].T, few()[1]),
    "StackingClassifier with part 'r' (Ridge): Ridge is a regressor": lambda: StackingClassifier(
        [("l", logistic()), ("r", Ridge())], cv=2
    ).fit(*few()),
    "StackingClassifier with several labels for each input": lambda: StackingClassifier(
        [("n", KNeighborsClassifier())], KNeighborsClassifier(), cv=2
    ).fit(*several_labels()),
    "StackingClassifier with labels of part 'l' that are no numbers": lambda: StackingClassifier(
        [("l", logistic().fit(few()[0], few()[1].astype(str)))],
        tree(),
        cv="prefit",
        stack_method="predict",
    ).fit(*few()),
    "OneVsRestClassifier with several labels for each input": lambda: OneVsRestClassifier(logistic()).fit(
        *several_labels()
    ),
    "OneVsOneClassifier with part 0 (Ridge): Ridge is a regressor": lambda: OneVsOneClassifier(Ridge()).fit(*few()),
    "CalibratedClassifierCV with method='temperature' of one-vs-rest": lambda: CalibratedClassifierCV(
        OneVsRestClassifier(tree()), cv=2, method="temperature"
    ).fit(*few()),
    "AdaBoostClassifier was fitted on one class": lambda: AdaBoostClassifier().fit(few()[0], np.zeros(60)),
}
