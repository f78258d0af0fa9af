"""The table of compiled transformers: add a file beside this one and its line here.

Importing this module loads no framework, so that the table can be listed at no cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.errors import NotWrappable
from adapters.sklearn.table import REMEDY, compiled_by

if TYPE_CHECKING:
    from adapters.sklearn.transformers.base import Transformer

_HERE = "adapters.sklearn.transformers"
_SELECTION = f"{_HERE}.features:Selection"
_BY_SCORE = ("SelectKBest", "SelectPercentile", "SelectFpr", "SelectFdr", "SelectFwe", "GenericUnivariateSelect")

TABLE = {
    "sklearn.preprocessing._data.StandardScaler": f"{_HERE}.arithmetic:Standard",
    "sklearn.preprocessing._data.MinMaxScaler": f"{_HERE}.arithmetic:MinMax",
    "sklearn.preprocessing._data.MaxAbsScaler": f"{_HERE}.arithmetic:MaxAbs",
    "sklearn.preprocessing._data.RobustScaler": f"{_HERE}.arithmetic:Robust",
    "sklearn.preprocessing._data.Normalizer": f"{_HERE}.arithmetic:Normalizer",
    "sklearn.preprocessing._polynomial.PolynomialFeatures": f"{_HERE}.features:Polynomial",
    "sklearn.preprocessing._discretization.KBinsDiscretizer": f"{_HERE}.bins:Bins",
    "sklearn.preprocessing._function_transformer.FunctionTransformer": f"{_HERE}.features:Identity",
    "sklearn.impute._base.SimpleImputer": f"{_HERE}.features:Imputer",
    "sklearn.decomposition._pca.PCA": f"{_HERE}.arithmetic:PCA",
    "sklearn.decomposition._incremental_pca.IncrementalPCA": f"{_HERE}.arithmetic:PCA",
    "sklearn.decomposition._truncated_svd.TruncatedSVD": f"{_HERE}.arithmetic:TruncatedSVD",
    "sklearn.compose._column_transformer.ColumnTransformer": f"{_HERE}.composed:Columns",
    "sklearn.pipeline.FeatureUnion": f"{_HERE}.composed:Union",
    "sklearn.pipeline.Pipeline": f"{_HERE}.composed:Chain",
    "sklearn.feature_selection._variance_threshold.VarianceThreshold": _SELECTION,
    "sklearn.feature_selection._from_model.SelectFromModel": _SELECTION,
    "sklearn.feature_selection._rfe.RFE": _SELECTION,
    "sklearn.feature_selection._rfe.RFECV": _SELECTION,
    "sklearn.feature_selection._sequential.SequentialFeatureSelector": _SELECTION,
    **{f"sklearn.feature_selection._univariate_selection.{name}": _SELECTION for name in _BY_SCORE},
}
"""Transformer class -> module and class of what compiles it. Exact types only: a subclass may override `transform`."""

ENCODERS = ("sklearn.preprocessing._encoders.", "sklearn.preprocessing._target_encoder.")
"""Where the transformers of categories are at home."""
OF_CATEGORIES = "fit the classifier alone on what it makes of them and wrap that, or " + REMEDY


def compile_transformer(transformer: Any) -> Transformer:
    """What a fitted scikit-learn transformer is compiled to.

    Raises:
        NotWrappable: the class is not in the table, the transformer is not fitted, or has a setting that is not
            compiled.
    """
    kind = type(transformer)
    path = f"{kind.__module__}.{kind.__qualname__}"
    if path.startswith(ENCODERS):
        from adapters.categories import named

        where = named(transformer, range(getattr(transformer, "n_features_in_", 0)))
        raise NotWrappable(f"{kind.__name__} of {where} is not compiled; {OF_CATEGORIES}")
    if path not in TABLE:
        raise NotWrappable(f"{kind.__name__} is not among the compiled scikit-learn transformers; {REMEDY}")
    compiled: Transformer = compiled_by(TABLE[path], transformer)
    return compiled
