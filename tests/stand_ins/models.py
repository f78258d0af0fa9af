"""The estimators whose attacks are compared: every compiled family, with parts that saturate and parts that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid, RadiusNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier


def logistic(strength: float = 1.0) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=60)


def sure(loss: str = "log_loss") -> SGDClassifier:
    """Linear, with scores of hundreds: the probabilities are as good as 0 and 1."""
    return SGDClassifier(loss=loss, random_state=0, max_iter=20)


def tree(depth: int | None = None) -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=depth, random_state=0)


def forest(trees: int = 15) -> RandomForestClassifier:
    return RandomForestClassifier(trees, random_state=0)


def bagged(part: Any, count: int = 8) -> BaggingClassifier:
    return BaggingClassifier(part, n_estimators=count, random_state=0)


MODELS: dict[str, Callable[[], Any]] = {
    "linear SVC": lambda: LinearSVC(),
    "logistic": lambda: logistic(),
    "ridge": lambda: RidgeClassifier(),
    "SGD, log loss": lambda: sure(),
    "SGD, modified Huber": lambda: sure("modified_huber"),
    "LDA": lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1),
    "QDA": lambda: make_pipeline(PCA(12), QuadraticDiscriminantAnalysis(reg_param=0.1)),
    "Gaussian NB": lambda: GaussianNB(var_smoothing=0.01),
    "Bernoulli NB": lambda: BernoulliNB(binarize=0.3),
    "nearest centroid": lambda: NearestCentroid(),
    "SVC, rbf": lambda: SVC(),
    "SVC, poly": lambda: SVC(kernel="poly", coef0=0.5),
    "kNN": lambda: KNeighborsClassifier(),
    "radius neighbours": lambda: make_pipeline(
        Normalizer(), RadiusNeighborsClassifier(0.8, outlier_label="most_frequent")
    ),
    "MLP": lambda: MLPClassifier((32,), random_state=0, max_iter=60),
    "MLP, tanh": lambda: MLPClassifier((32,), activation="tanh", random_state=0, max_iter=60),
    "scaled SVC": lambda: make_pipeline(StandardScaler(), SVC()),
    "tree": lambda: tree(),
    "forest": lambda: forest(),
    "extra trees": lambda: ExtraTreesClassifier(15, random_state=0),
    "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=8, max_features=0.1, random_state=0),
    "histogram gradient boosting": lambda: HistGradientBoostingClassifier(max_iter=8, random_state=0),
    "calibrated linear, sigmoid": lambda: CalibratedClassifierCV(LinearSVC(), cv=3),
    "calibrated linear, isotonic": lambda: CalibratedClassifierCV(LinearSVC(), cv=3, method="isotonic"),
    "calibrated linear, temperature": lambda: CalibratedClassifierCV(LinearSVC(), cv=3, method="temperature"),
    "calibrated Gaussian NB": lambda: CalibratedClassifierCV(GaussianNB(var_smoothing=0.01), cv=3),
    "calibrated forest, isotonic": lambda: CalibratedClassifierCV(forest(8), cv=3, method="isotonic"),
    "hard vote": lambda: VotingClassifier([("l", logistic()), ("s", SVC()), ("n", KNeighborsClassifier())]),
    "hard vote of linear": lambda: VotingClassifier([("l", logistic()), ("v", LinearSVC()), ("r", RidgeClassifier())]),
    "soft vote": lambda: VotingClassifier(
        [("l", logistic()), ("f", forest(8)), ("g", GaussianNB(var_smoothing=0.01))], voting="soft"
    ),
    "soft vote of sure": lambda: VotingClassifier(
        [("s", sure()), ("g", GaussianNB(var_smoothing=0.01)), ("l", logistic(100))], voting="soft"
    ),
    "bagged SGD, log loss": lambda: bagged(sure()),
    "bagged SGD, modified Huber": lambda: bagged(sure("modified_huber")),
    "bagged logistic": lambda: bagged(logistic()),
    "bagged linear SVC": lambda: bagged(LinearSVC()),
    "bagged Gaussian NB": lambda: bagged(GaussianNB(var_smoothing=0.01)),
    "bagged trees": lambda: bagged(tree()),
    "bagged kNN": lambda: bagged(KNeighborsClassifier(3), 4),
    "bagged SVC": lambda: bagged(SVC(), 4),
    "AdaBoost, trees": lambda: AdaBoostClassifier(tree(4), n_estimators=10, random_state=0),
    "AdaBoost, logistic": lambda: AdaBoostClassifier(logistic(), n_estimators=4),
    "stacking": lambda: StackingClassifier([("l", logistic()), ("s", LinearSVC()), ("f", forest(8))], cv=2),
    "stacking of sure": lambda: StackingClassifier([("s", sure()), ("g", GaussianNB(var_smoothing=0.01))], cv=2),
    "one-vs-rest, logistic": lambda: OneVsRestClassifier(logistic()),
    "one-vs-rest, SVC": lambda: OneVsRestClassifier(SVC()),
    "one-vs-rest, trees": lambda: OneVsRestClassifier(tree()),
    "one-vs-rest, Gaussian NB": lambda: OneVsRestClassifier(GaussianNB(var_smoothing=0.01)),
    "one-vs-one, linear SVC": lambda: OneVsOneClassifier(LinearSVC()),
    "one-vs-one, trees": lambda: OneVsOneClassifier(tree()),
    "one-vs-one, Gaussian NB": lambda: OneVsOneClassifier(GaussianNB(var_smoothing=0.01)),
    "codes, linear SVC": lambda: OutputCodeClassifier(LinearSVC(), random_state=0),
    "codes, logistic": lambda: OutputCodeClassifier(logistic(), random_state=0),
    "codes, trees": lambda: OutputCodeClassifier(tree(), code_size=2, random_state=0),
}
