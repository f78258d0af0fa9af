"""Support vector machines."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from sklearn.svm import SVC, NuSVC

from families.case import Case
from families.data import few

CASES = {
    "svc-rbf": Case(lambda: SVC()),
    "svc-poly": Case(lambda: SVC(kernel="poly", coef0=0.5, class_weight="balanced")),
    "svc-linear": Case(lambda: SVC(kernel="linear")),
    "svc-sigmoid": Case(lambda: SVC(kernel="sigmoid", gamma=0.02, coef0=-0.1, decision_function_shape="ovo")),
    "svc-break-ties": Case(lambda: SVC(kernel="rbf", gamma=0.02, break_ties=True)),
    "svc-platt": Case(lambda: SVC(probability=True, random_state=0), confidence="calibrated"),
    "svc-nu": Case(lambda: NuSVC(nu=0.1)),
    "svc-nu-platt": Case(
        lambda: NuSVC(nu=0.05, kernel="poly", coef0=0.5, probability=True, random_state=0), confidence="calibrated"
    ),
}

SMALL = {
    "svc-rbf": lambda: SVC(gamma=0.5),
    "svc-break-ties": lambda: SVC(gamma=0.5, break_ties=True),
    "svc-poly": lambda: SVC(kernel="poly", degree=2, gamma=0.5, coef0=1.0),
    "svc-linear": lambda: SVC(kernel="linear", class_weight="balanced"),
    "svc-sigmoid": lambda: SVC(kernel="sigmoid", gamma=0.1),
    "svc-platt": lambda: SVC(gamma=0.5, probability=True, random_state=0),
}


class Stranger(SVC):  # type: ignore[misc]
    """A subclass, which may predict in a way of its own."""


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a @ b.T


def without_the_weight_of_a_class() -> SVC:
    x, y = few()
    return SVC().fit(x, y, sample_weight=(y != 3).astype(float))


REFUSED = {
    "SVC is not fitted": lambda: SVC(),
    "Stranger is not among": lambda: Stranger().fit(*few()),
    "a callable kernel": lambda: SVC(kernel=dot).fit(*few()),
    "precomputed kernel": lambda: SVC(kernel="precomputed").fit(few()[0] @ few()[0].T, few()[1]),
    "SVC with a fit on sparse data": lambda: SVC().fit(sparse.csr_array(few()[0]), few()[1]),
    "NuSVC with a fit on sparse data": lambda: NuSVC(nu=0.1).fit(sparse.csr_array(few()[0]), few()[1]),
    "weights that leave out a whole class": without_the_weight_of_a_class,
    "decision_function_shape='ovo'": lambda: SVC(break_ties=True, decision_function_shape="ovo").fit(*few()),
}
