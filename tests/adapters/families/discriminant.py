"""Linear and quadratic discriminant analysis."""

from __future__ import annotations

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis

from families.case import Case
from families.data import few

CASES = {
    "lda": Case(lambda: LinearDiscriminantAnalysis(), confidence="softmax"),
    "lda-lsqr": Case(lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"), confidence="softmax"),
    "lda-eigen": Case(lambda: LinearDiscriminantAnalysis(solver="eigen", shrinkage=0.1), confidence="softmax"),
    "qda": Case(  # which needs more images of each class than they have pixels
        lambda: QuadraticDiscriminantAnalysis(reg_param=0.1),
        confidence="softmax",
        labellings=("words", "shifted", "binary"),
    ),
    "qda-eigen": Case(lambda: QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=0.1), confidence="softmax"),
}

SMALL = {
    "lda-lsqr": lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5),
}


def of_low_rank() -> QuadraticDiscriminantAnalysis:
    """A fit as scikit-learn before 1.8 made of fewer points than features: of as many axes as points."""
    estimator = QuadraticDiscriminantAnalysis(reg_param=0.1).fit(np.random.default_rng(0).random((9, 3)), [0, 1, 1] * 3)
    estimator.rotations_[0], estimator.scalings_[0] = estimator.rotations_[0][:, :2], estimator.scalings_[0][:2]
    return estimator


REFUSED = {
    "a covariance not of full rank": of_low_rank,
    "LinearDiscriminantAnalysis was fitted on one class": lambda: LinearDiscriminantAnalysis().fit(
        few()[0], np.zeros(60)
    ),
}
