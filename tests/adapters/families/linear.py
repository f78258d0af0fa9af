"""Linear classifiers."""

from __future__ import annotations

from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from families.case import Case
from families.data import few

CASES = {
    "logistic": Case(lambda: LogisticRegression(C=0.1, max_iter=60), confidence="softmax"),
    "linear-svc": Case(lambda: LinearSVC(C=0.05)),
}

SMALL = {
    "logistic": lambda: LogisticRegression(max_iter=30),
    "linear-svc": lambda: LinearSVC(max_iter=100),
}

REFUSED = {
    "sparse coefficients": lambda: LogisticRegression().fit(*few()).sparsify(),
}
