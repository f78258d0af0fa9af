"""The table of compiled estimators: add a family's file beside this one and its line here.

Importing this module loads no framework, so that the table can be listed at no cost.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

from adapters.errors import NotWrappable

if TYPE_CHECKING:
    from adapters.sklearn.base import SklearnAdapter


class Entry(NamedTuple):
    """One line of the table."""

    home: str
    """Module and class of the adapter."""
    family: str
    gradient: str
    """`exact`, `surrogate`, or of what it depends on."""


_HERE = "adapters.sklearn"
_BY_PARTS = "as its parts"

TABLE = {
    "sklearn.linear_model._logistic.LogisticRegression": Entry(f"{_HERE}.linear:LogisticAdapter", "linear", "exact"),
    "sklearn.svm._classes.LinearSVC": Entry(f"{_HERE}.linear:LinearAdapter", "linear", "exact"),
    "sklearn.svm._classes.SVC": Entry(f"{_HERE}.svm:SVCAdapter", "svm", "exact"),
    "sklearn.neighbors._classification.KNeighborsClassifier": Entry(
        f"{_HERE}.neighbors:NeighborsAdapter", "knn", "surrogate"
    ),
    "sklearn.tree._classes.DecisionTreeClassifier": Entry(f"{_HERE}.tree:TreeAdapter", "tree", "surrogate"),
    "sklearn.ensemble._forest.RandomForestClassifier": Entry(f"{_HERE}.forest:ForestAdapter", "forest", "surrogate"),
}
"""Estimator class -> what compiles it. Exact types only: a subclass may override `predict`."""

SEARCHES = (
    "sklearn.model_selection._search.GridSearchCV",
    "sklearn.model_selection._search.RandomizedSearchCV",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV",
)
"""Searches, which stand for the best estimator that they found."""

REMEDY = 'for labels only, use adapters.black_box(model.predict, version="1")'


def compile_estimator(estimator: Any) -> SklearnAdapter:
    """The adapter of a fitted scikit-learn classifier.

    Raises:
        NotWrappable: the class is not in the table, the estimator is not fitted, knows one class only, or has a setting
            that is not compiled.
    """
    adapter = compile_part(estimator)
    if len(adapter.classes or ()) < 2:
        raise NotWrappable(f"{type(estimator).__name__} was fitted on one class; there is nothing to tell apart")
    return adapter


def compile_part(estimator: Any) -> SklearnAdapter:
    """The adapter of an estimator in another one, which may know one class only, as in a fold that missed the others.

    Raises:
        NotWrappable: as `compile_estimator`.
    """
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    kind = type(estimator)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name in SEARCHES:
        if not hasattr(estimator, "best_estimator_"):
            reason = "kept no best estimator; fit it with refit=True" if hasattr(estimator, "cv_results_") else ""
            raise NotWrappable(f"{kind.__name__} {reason or 'is not fitted; call fit(X, y) first'}")
        return compile_part(estimator.best_estimator_)
    if name not in TABLE:
        raise NotWrappable(f"{kind.__name__} is not among the compiled scikit-learn classes; {REMEDY}")
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        raise NotWrappable(f"{kind.__name__} is not fitted; call fit(X, y) first") from None
    module, name = TABLE[name].home.split(":")
    adapter: SklearnAdapter = getattr(importlib.import_module(module), name)(estimator)
    return adapter
