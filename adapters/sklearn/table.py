"""The table of compiled estimators: add a family's file beside this one and its line here.

Importing this module loads no framework, so that the table can be listed at no cost.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

from adapters.errors import BLACK_BOX, NotWrappable

if TYPE_CHECKING:
    from adapters.compiled import SklearnAdapter


class Entry(NamedTuple):
    """One line of the table."""

    home: str
    """Module and class of the adapter."""
    family: str
    gradient: str
    """`exact`, `surrogate`, or of what it depends on."""


_HERE = "adapters.sklearn"
_BOOSTERS = "adapters.boosters"
_PARTS = f"{_HERE}.composite"
_BY_PARTS = "as its parts"
_BY_SETTINGS = "as its settings"

TABLE = {
    "sklearn.linear_model._logistic.LogisticRegression": Entry(f"{_HERE}.linear:LogisticAdapter", "linear", "exact"),
    "sklearn.linear_model._logistic.LogisticRegressionCV": Entry(f"{_HERE}.linear:LogisticAdapter", "linear", "exact"),
    "sklearn.linear_model._stochastic_gradient.SGDClassifier": Entry(f"{_HERE}.linear:SGDAdapter", "linear", "exact"),
    "sklearn.linear_model._perceptron.Perceptron": Entry(f"{_HERE}.linear:LinearAdapter", "linear", "exact"),
    "sklearn.linear_model._passive_aggressive.PassiveAggressiveClassifier": Entry(
        f"{_HERE}.linear:LinearAdapter", "linear", "exact"
    ),
    "sklearn.linear_model._ridge.RidgeClassifier": Entry(f"{_HERE}.linear:RidgeAdapter", "linear", "exact"),
    "sklearn.linear_model._ridge.RidgeClassifierCV": Entry(f"{_HERE}.linear:RidgeAdapter", "linear", "exact"),
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": Entry(
        f"{_HERE}.discriminant:LinearDiscriminantAdapter", "discriminant", "exact"
    ),
    "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis": Entry(
        f"{_HERE}.discriminant:QuadraticAdapter", "discriminant", "exact"
    ),
    "sklearn.naive_bayes.GaussianNB": Entry(f"{_HERE}.naive_bayes:GaussianNBAdapter", "naive bayes", "exact"),
    "sklearn.naive_bayes.MultinomialNB": Entry(f"{_HERE}.naive_bayes:DiscreteAdapter", "naive bayes", "exact"),
    "sklearn.naive_bayes.ComplementNB": Entry(f"{_HERE}.naive_bayes:ComplementAdapter", "naive bayes", "exact"),
    "sklearn.naive_bayes.BernoulliNB": Entry(f"{_HERE}.naive_bayes:BernoulliAdapter", "naive bayes", _BY_SETTINGS),
    "sklearn.svm._classes.LinearSVC": Entry(f"{_HERE}.linear:LinearAdapter", "linear", "exact"),
    "sklearn.svm._classes.SVC": Entry(f"{_HERE}.svm:SVCAdapter", "svm", "exact"),
    "sklearn.svm._classes.NuSVC": Entry(f"{_HERE}.svm:SVCAdapter", "svm", "exact"),
    "sklearn.neighbors._classification.KNeighborsClassifier": Entry(
        f"{_HERE}.neighbors:NeighborsAdapter", "knn", "surrogate"
    ),
    "sklearn.neighbors._classification.RadiusNeighborsClassifier": Entry(
        f"{_HERE}.radius:RadiusAdapter", "radius", "surrogate"
    ),
    "sklearn.neighbors._nearest_centroid.NearestCentroid": Entry(
        f"{_HERE}.centroid:CentroidAdapter", "centroid", "exact"
    ),
    "sklearn.neural_network._multilayer_perceptron.MLPClassifier": Entry(f"{_HERE}.mlp:MLPAdapter", "mlp", "exact"),
    "sklearn.tree._classes.DecisionTreeClassifier": Entry(f"{_HERE}.tree:TreeAdapter", "tree", "surrogate"),
    "sklearn.tree._classes.ExtraTreeClassifier": Entry(f"{_HERE}.tree:TreeAdapter", "tree", "surrogate"),
    "sklearn.ensemble._forest.RandomForestClassifier": Entry(f"{_HERE}.tree:ForestAdapter", "forest", "surrogate"),
    "sklearn.ensemble._forest.ExtraTreesClassifier": Entry(f"{_HERE}.tree:ExtraTreesAdapter", "forest", "surrogate"),
    "sklearn.ensemble._gb.GradientBoostingClassifier": Entry(
        f"{_HERE}.gradient_boosting:GradientBoostingAdapter", "gradient boosting", "surrogate"
    ),
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier": Entry(
        f"{_HERE}.gradient_boosting:HistGradientBoostingAdapter", "histogram gradient boosting", "surrogate"
    ),
    "sklearn.calibration.CalibratedClassifierCV": Entry(
        f"{_PARTS}.calibrated:CalibratedAdapter", "calibrated", _BY_PARTS
    ),
    "sklearn.ensemble._voting.VotingClassifier": Entry(f"{_PARTS}.votes:VotingAdapter", "voting", "surrogate"),
    "sklearn.ensemble._bagging.BaggingClassifier": Entry(f"{_PARTS}.votes:BaggingAdapter", "bagging", "surrogate"),
    "sklearn.ensemble._stacking.StackingClassifier": Entry(f"{_PARTS}.stacking:StackingAdapter", "stacking", _BY_PARTS),
    "sklearn.ensemble._weight_boosting.AdaBoostClassifier": Entry(
        f"{_PARTS}.votes:AdaBoostAdapter", "adaboost", "surrogate"
    ),
    "sklearn.multiclass.OneVsRestClassifier": Entry(f"{_PARTS}.multiclass:OneVsRestAdapter", "one-vs-rest", _BY_PARTS),
    "sklearn.multiclass.OneVsOneClassifier": Entry(f"{_PARTS}.multiclass:PairsAdapter", "one-vs-one", _BY_PARTS),
    "sklearn.multiclass.OutputCodeClassifier": Entry(f"{_PARTS}.multiclass:CodesAdapter", "output-code", _BY_PARTS),
    "sklearn.pipeline.Pipeline": Entry(f"{_PARTS}.pipeline:PipelineAdapter", _BY_PARTS, _BY_PARTS),
    "xgboost.sklearn.XGBClassifier": Entry(f"{_BOOSTERS}.xgb:XGBoostAdapter", "xgboost", "surrogate"),
    "xgboost.sklearn.XGBRFClassifier": Entry(f"{_BOOSTERS}.xgb:XGBoostAdapter", "xgboost", "surrogate"),
    "lightgbm.sklearn.LGBMClassifier": Entry(f"{_BOOSTERS}.lgbm:LightGBMAdapter", "lightgbm", "surrogate"),
    "catboost.core.CatBoostClassifier": Entry(f"{_BOOSTERS}.cat:CatBoostAdapter", "catboost", "surrogate"),
}
"""Estimator class -> what compiles it. Exact types only: a subclass may override `predict`."""

SEARCHES = (
    "sklearn.model_selection._search.GridSearchCV",
    "sklearn.model_selection._search.RandomizedSearchCV",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV",
)
"""Searches, which stand for the best estimator that they found."""

FROZEN = "sklearn.frozen._frozen.FrozenEstimator"
"""What stands for the estimator in it, which is not to be fitted again."""

REMEDY = f"for labels only, {BLACK_BOX}"


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
    from sklearn.base import is_regressor

    kind = type(estimator)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name in SEARCHES:
        if not hasattr(estimator, "best_estimator_"):
            reason = "kept no best estimator; fit it with refit=True" if hasattr(estimator, "cv_results_") else ""
            raise NotWrappable(f"{kind.__name__} {reason or 'is not fitted; call fit(X, y) first'}")
        return compile_part(estimator.best_estimator_)
    if name == FROZEN:
        return compile_part(estimator.estimator)
    if name not in TABLE:
        if is_regressor(estimator):
            raise NotWrappable(f"{kind.__name__} is a regressor, and only classifiers have labels; wrap a classifier")
        raise NotWrappable(f"{kind.__name__} is not among the compiled scikit-learn classes; {REMEDY}")
    adapter: SklearnAdapter = compiled_by(TABLE[name].home, estimator)
    return adapter


def compile_inner(estimator: Any) -> SklearnAdapter:
    """The same of a part that the whole asks with the very numbers of the batch.

    Raises:
        NotWrappable: as `compile_estimator`, and for one that is asked with codes in place of categories.
    """
    adapter = compile_part(estimator)
    if adapter.recodes:
        remedy = "encode them as numbers from 0 before the fit"
        raise NotWrappable(f"{type(estimator).__name__} with categories by value is compiled alone only; {remedy}")
    return adapter


def compiled_by(home: str, fitted: Any) -> Any:
    """What the class `module:name` makes of an estimator or transformer.

    Raises:
        NotWrappable: it is not fitted, has a setting that is not compiled, or methods that are not its class's own.
    """
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    from adapters import identity

    try:
        check_is_fitted(fitted)
    except NotFittedError:
        raise NotWrappable(f"{type(fitted).__name__} is not fitted; call fit(X, y) first") from None
    if others := identity.altered(fitted):
        raise NotWrappable(f"{type(fitted).__name__} has another {', '.join(others)} than its class; {REMEDY}")
    module, name = home.split(":")
    return getattr(importlib.import_module(module), name)(fitted)
