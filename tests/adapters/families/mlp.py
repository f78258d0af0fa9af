"""Multi-layer perceptrons."""

from __future__ import annotations

from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import LabelBinarizer

from families.case import Case
from families.data import few

_SOFTMAX = {"confidence": "softmax"}

CASES = {
    "mlp-relu": Case(lambda: MLPClassifier((40,), max_iter=60, random_state=0), **_SOFTMAX),
    "mlp-tanh": Case(
        lambda: MLPClassifier((30, 20), activation="tanh", solver="lbfgs", max_iter=40, random_state=0), **_SOFTMAX
    ),
    "mlp-logistic": Case(
        lambda: MLPClassifier((30,), activation="logistic", solver="lbfgs", max_iter=40, random_state=0), **_SOFTMAX
    ),
    "mlp-identity": Case(
        lambda: MLPClassifier((20, 20, 20), activation="identity", max_iter=30, random_state=0), **_SOFTMAX
    ),
    "mlp-no-hidden-layer": Case(lambda: MLPClassifier((), max_iter=30, random_state=0), **_SOFTMAX),
}

SMALL = {
    "mlp-relu": lambda: MLPClassifier((8,), max_iter=10, random_state=0),
    "mlp-tanh": lambda: MLPClassifier((4, 4), activation="tanh", solver="lbfgs", max_iter=10, random_state=0),
    "mlp-logistic": lambda: MLPClassifier((4,), activation="logistic", solver="lbfgs", max_iter=10, random_state=0),
}


def of_several_labels() -> MLPClassifier:
    x, y = few()
    return MLPClassifier((5,), max_iter=5).fit(x, LabelBinarizer().fit_transform(y))


REFUSED = {
    "several labels for one input": of_several_labels,
}
