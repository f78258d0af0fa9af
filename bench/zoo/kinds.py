"""The table of model kinds: what a recipe's `kind` stands for. Strings, so that knowing the names imports none."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from adapters.sklearn.table import TABLE
from bench.errors import unknown

NETS = {
    "softmax-regression": "bench.training.nets.softmax_regression:SoftmaxRegression",
    "logistic-regression": "bench.training.nets.logistic_regression:LogisticRegression",
    "maxout": "bench.training.nets.maxout:Maxout",
    "maxout-sigmoid": "bench.training.nets.maxout_sigmoid:MaxoutSigmoid",
    "rbf-network": "bench.training.nets.rbf_network:RBFNetwork",
    "mp-dbm": "bench.training.nets.mp_dbm:MPDBM",
    "conv-maxout": "bench.training.nets.conv_maxout:ConvMaxout",
}
"""Trained by `bench.training.loop`, kept as safetensors."""

SIGMOIDS = {"rbf-network", "maxout-sigmoid"}
"""Networks whose probabilities are no softmax of their logits."""

ENSEMBLE = "ensemble"
"""The mean probability of other models, which its recipe names."""

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


def net_family(kind: str) -> str:
    """The family of a kind of network: the kind itself, in words."""
    return kind.replace("-", " ")


def family_and_gradient(kind: str, members: Iterable[str] = ()) -> tuple[str, str]:
    """What the adapters of a kind, or of an ensemble of such kinds, say of themselves, known without importing any."""
    if kind in NETS:
        return net_family(kind), "exact"
    if kind == ENSEMBLE:
        return kind, "exact" if set(members) <= NETS.keys() - SIGMOIDS else "surrogate"
    package, name = ESTIMATORS[kind].split(":")
    entry = next(entry for path, entry in TABLE.items() if path.startswith(f"{package}.") and path.endswith(f".{name}"))
    return entry.family, entry.gradient
