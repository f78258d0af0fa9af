"""The table of compiled scikit-learn estimators: add a family's file beside this one and its line here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from adapters.errors import NotWrappable

if TYPE_CHECKING:
    from adapters.base import Adapter

TABLE = {
    "sklearn.linear_model._logistic.LogisticRegression": "adapters.sklearn.linear:LogisticAdapter",
    "sklearn.svm._classes.LinearSVC": "adapters.sklearn.linear:LinearAdapter",
    "sklearn.svm._classes.SVC": "adapters.sklearn.svm:SVCAdapter",
    "sklearn.neighbors._classification.KNeighborsClassifier": "adapters.sklearn.neighbors:NeighborsAdapter",
    "sklearn.tree._classes.DecisionTreeClassifier": "adapters.sklearn.tree:TreeAdapter",
    "sklearn.ensemble._forest.RandomForestClassifier": "adapters.sklearn.forest:ForestAdapter",
}
"""Estimator class -> module and class of its adapter. Exact types only: a subclass may override `predict`."""

REMEDY = 'for labels only, use adapters.black_box(model.predict, version="1")'


def compile_estimator(estimator: Any) -> Adapter:
    """The adapter of a fitted scikit-learn classifier.

    Raises:
        NotWrappable: the class is not in the table, the estimator is not fitted, or it has a setting that is not
            compiled.
    """
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    kind = type(estimator)
    entry = TABLE.get(f"{kind.__module__}.{kind.__qualname__}")
    if entry is None:
        raise NotWrappable(f"{kind.__name__} is not among the compiled scikit-learn classes; {REMEDY}")
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        raise NotWrappable(f"{kind.__name__} is not fitted; call fit(X, y) first") from None
    module, name = entry.split(":")
    adapter: Adapter = getattr(importlib.import_module(module), name)(estimator)
    return adapter
