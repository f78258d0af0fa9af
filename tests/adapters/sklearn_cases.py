"""The scikit-learn classifiers that the tests of `adapters.sklearn` go through, by name, fitted once each."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from adapters.sklearn.base import SklearnAdapter
from adapters.sklearn.table import compile_estimator

MAKERS: dict[str, Callable[[], Any]] = {
    "logistic": lambda: LogisticRegression(C=0.1, max_iter=60),
    "linear-svc": lambda: LinearSVC(C=0.05),
    "svc-rbf": lambda: SVC(),
    "svc-poly": lambda: SVC(kernel="poly", coef0=0.5, class_weight="balanced"),
    "svc-linear": lambda: SVC(kernel="linear"),
    "svc-sigmoid": lambda: SVC(kernel="sigmoid", gamma=0.02, coef0=-0.1, decision_function_shape="ovo"),
    "svc-break-ties": lambda: SVC(kernel="rbf", gamma=0.02, break_ties=True),
    "svc-platt": lambda: SVC(probability=True, random_state=0),
    "knn-1": lambda: KNeighborsClassifier(1),
    "knn-4": lambda: KNeighborsClassifier(4),
    "knn-distance": lambda: KNeighborsClassifier(5, weights="distance"),
    "knn-manhattan": lambda: KNeighborsClassifier(3, p=1),
    "knn-chebyshev": lambda: KNeighborsClassifier(3, metric="chebyshev", algorithm="kd_tree"),
    "tree": lambda: DecisionTreeClassifier(random_state=0),
    "tree-shallow": lambda: DecisionTreeClassifier(max_depth=4, splitter="random", random_state=0),
    "forest": lambda: RandomForestClassifier(20, max_leaf_nodes=40, random_state=0),
    "forest-threads": lambda: RandomForestClassifier(10, n_jobs=2, random_state=0),
}
KERNELS = [name for name in MAKERS if name.startswith("svc")]
EXACT = ["logistic", "linear-svc", *KERNELS]
SURROGATE = [name for name in MAKERS if name not in EXACT]
TREES = ["tree", "tree-shallow", "forest", "forest-threads"]

LABELLINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ten": lambda y: y,
    "words": lambda y: np.array(["zero", "one", "two", "three", "four"])[y // 2],
    "shifted": lambda y: y % 5 + 5,
    "binary": lambda y: np.where(y < 5, "low", "high"),
}


@cache
def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test images in [0, 1] as float32, and their labels."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    return x[:700], y[:700], x[1000:1300], y[1000:1300]


@cache
def adapter(name: str, labelling: str = "ten") -> SklearnAdapter:
    x, y, _, _ = digits()
    return fitted(MAKERS[name](), x.astype(np.float64), LABELLINGS[labelling](y))


def fitted(estimator: Any, x: np.ndarray, y: np.ndarray) -> SklearnAdapter:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of unfinished fits and deprecated settings, which are what is tested here
        compiled = compile_estimator(estimator.fit(x, y))
    assert isinstance(compiled, SklearnAdapter)
    return compiled


@cache
def probes(name: str, labelling: str = "ten") -> torch.Tensor:
    """Clean, random, adversarial and stored points for one model, as float32."""
    train, _, clean, labels = digits()
    model = adapter(name, labelling)
    y = torch.from_numpy(np.searchsorted(model.estimator.classes_, LABELLINGS[labelling](labels)))
    x = torch.from_numpy(clean)
    noise = torch.rand(150, x.shape[1], generator=torch.Generator().manual_seed(0)) * 2 - 0.5
    attacked = [(x + eps * model.input_gradient(x, y).sign()).clamp(0, 1) for eps in (0.05, 0.2)]
    return torch.cat([x, noise, *attacked, torch.from_numpy(train[:40])])


def own_labels(model: SklearnAdapter, x: torch.Tensor) -> np.ndarray:
    """Class indices by the estimator's own `predict`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.searchsorted(model.estimator.classes_, model.estimator.predict(x.numpy()))
