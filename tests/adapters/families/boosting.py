"""scikit-learn's gradient boosting."""

from __future__ import annotations

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from families.case import Case
from families.data import few

_BOOSTED = {"gradient": "surrogate", "confidence": "softmax"}

CASES = {
    "gradient-boosting": Case(lambda: GradientBoostingClassifier(n_estimators=12, random_state=0), **_BOOSTED),
    "gradient-boosting-zero": Case(
        lambda: GradientBoostingClassifier(
            n_estimators=8, init="zero", learning_rate=0.5, subsample=0.5, max_features="sqrt", random_state=0
        ),
        **_BOOSTED,
    ),
    "gradient-boosting-early": Case(
        lambda: GradientBoostingClassifier(
            n_estimators=15, init=DummyClassifier(strategy="uniform"), n_iter_no_change=2, max_depth=2, random_state=0
        ),
        **_BOOSTED,
    ),
    "gradient-boosting-exponential": Case(
        lambda: GradientBoostingClassifier(n_estimators=30, loss="exponential", max_depth=1, random_state=0),
        **_BOOSTED,
        labellings=("binary",),
    ),
    "hist-gradient-boosting": Case(lambda: HistGradientBoostingClassifier(max_iter=12, random_state=0), **_BOOSTED),
    "hist-gradient-boosting-early": Case(
        lambda: HistGradientBoostingClassifier(
            max_iter=15, early_stopping=True, n_iter_no_change=2, max_bins=9, max_leaf_nodes=9, random_state=0
        ),
        **_BOOSTED,
    ),
    "hist-gradient-boosting-categories": Case(
        lambda: HistGradientBoostingClassifier(max_iter=12, categorical_features=[43, 21, 36], random_state=0),
        **_BOOSTED,
    ),
    "hist-gradient-boosting-monotonic": Case(
        lambda: HistGradientBoostingClassifier(
            max_iter=20, monotonic_cst=np.eye(64, dtype=int)[21] - np.eye(64, dtype=int)[43], random_state=0
        ),
        **_BOOSTED,
        labellings=("binary",),
        on_mnist=False,
    ),
}

SMALL = {
    "gradient-boosting": lambda: GradientBoostingClassifier(n_estimators=4, max_depth=2, random_state=0),
    "gradient-boosting-zero": lambda: GradientBoostingClassifier(n_estimators=3, init="zero", random_state=0),
    "hist-gradient-boosting": lambda: HistGradientBoostingClassifier(max_iter=4, min_samples_leaf=2, random_state=0),
}

REFUSED = {
    "GradientBoostingClassifier with init=LogisticRegression": lambda: GradientBoostingClassifier(
        n_estimators=2, init=LogisticRegression()
    ).fit(*few()),
    "GradientBoostingClassifier with random initial predictions": lambda: GradientBoostingClassifier(
        n_estimators=2, init=DummyClassifier(strategy="stratified")
    ).fit(*few()),
    "HistGradientBoostingClassifier with a fit on one class": lambda: HistGradientBoostingClassifier(max_iter=2).fit(
        few()[0], np.zeros(60)
    ),
    "HistGradientBoostingClassifier with categories that are not numbers": lambda: HistGradientBoostingClassifier(
        max_iter=2, categorical_features=[0]
    ).fit(np.stack([np.tile(["a", "b"], 30), np.arange(60)], axis=1).astype(object), few()[1]),
}
