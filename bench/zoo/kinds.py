"""The table of model kinds: what a recipe's `kind` stands for. Strings, so that knowing the names imports none."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bench.errors import unknown

NETS = {
    "softmax-regression": "bench.zoo.nets.softmax_regression:SoftmaxRegression",
    "maxout": "bench.zoo.nets.maxout:Maxout",
    "rbf-network": "bench.zoo.nets.rbf_network:RBFNetwork",
}
"""Trained by `bench.zoo.training`, kept as safetensors."""

ESTIMATORS = {
    "linear-svm": "sklearn.svm:LinearSVC",
    "rbf-svm": "sklearn.svm:SVC",
    "knn": "sklearn.neighbors:KNeighborsClassifier",
    "decision-tree": "sklearn.tree:DecisionTreeClassifier",
    "random-forest": "sklearn.ensemble:RandomForestClassifier",
}
"""Fitted by scikit-learn, kept by skops."""


def kind_class(kind: str) -> Any:
    """The class of a kind, imported.

    Raises:
        UsageError: no such kind.
    """
    table = NETS | ESTIMATORS
    if kind not in table:
        raise unknown("kind of model", kind, table)
    module, name = table[kind].split(":")
    return getattr(import_module(module), name)
