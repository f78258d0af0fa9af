"""Compiled transformers say what scikit-learn's own say."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import (
    RFE,
    SelectFromModel,
    SelectKBest,
    SequentialFeatureSelector,
    VarianceThreshold,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from adapters.sklearn.transformers.base import Transformer
from adapters.sklearn.transformers.table import TABLE, compile_transformer

BITWISE: dict[str, Callable[[], Any]] = {
    "standard": lambda: StandardScaler(),
    "standard-scale": lambda: StandardScaler(with_mean=False),
    "standard-mean": lambda: StandardScaler(with_std=False),
    "standard-nothing": lambda: StandardScaler(with_mean=False, with_std=False),
    "min-max": lambda: MinMaxScaler(),
    "min-max-clip": lambda: MinMaxScaler((-0.1, 3), clip=True),
    "max-abs": lambda: MaxAbsScaler(),
    "robust": lambda: RobustScaler(),
    "robust-scale": lambda: RobustScaler(with_centering=False, quantile_range=(10, 95), unit_variance=True),
    "robust-centre": lambda: RobustScaler(with_scaling=False),
    "normalizer-max": lambda: Normalizer("max"),
    "select": lambda: SelectKBest(k=1),
    "select-from-model": lambda: SelectFromModel(ExtraTreesClassifier(3, random_state=0), threshold=-1, max_features=2),
    "select-rfe": lambda: RFE(DecisionTreeClassifier(random_state=0), n_features_to_select=1),
    "polynomial": lambda: PolynomialFeatures(),
    "polynomial-degrees": lambda: PolynomialFeatures((2, 4), include_bias=False),
    "polynomial-linear": lambda: PolynomialFeatures((0, 1)),
    "polynomial-interactions": lambda: PolynomialFeatures(3, interaction_only=True, order="F"),
    "bins-dense": lambda: KBinsDiscretizer(4, encode="onehot-dense", strategy="uniform"),
    "bins-ordinal": lambda: KBinsDiscretizer(3, encode="ordinal", strategy="quantile"),
    "bins-narrow": lambda: KBinsDiscretizer(5, encode="ordinal", strategy="kmeans", dtype=np.float32),
    "bins-wide": lambda: KBinsDiscretizer(3, encode="onehot-dense", strategy="uniform", dtype=np.float64),
    "imputer-number": lambda: SimpleImputer(missing_values=0.5, strategy="median", keep_empty_features=True),
    "union": lambda: FeatureUnion([("scaled", StandardScaler()), ("all", "passthrough"), ("none", "drop")]),
    "columns": lambda: ColumnTransformer(
        [("bins", KBinsDiscretizer(3, encode="ordinal", strategy="uniform"), [-1]), ("none", MinMaxScaler(), [])],
        remainder=make_pipeline(None, MaxAbsScaler(), "passthrough", PolynomialFeatures(2)),
    ),
}
"""Those whose compiled form gives the very bits."""
CLOSE: dict[str, Callable[[], Any]] = {
    "normalizer-l1": lambda: Normalizer("l1"),
    "normalizer-l2": lambda: Normalizer(),
    "pca": lambda: PCA(),
    "pca-one": lambda: PCA(1, whiten=True),
    "pca-incremental": lambda: IncrementalPCA(1),
    "svd": lambda: TruncatedSVD(1, algorithm="arpack", random_state=0),
    "bins-sparse": lambda: KBinsDiscretizer(3, strategy="uniform"),
    "union-weighted": lambda: FeatureUnion(
        [("scaled", StandardScaler()), ("all", "passthrough")], transformer_weights={"scaled": 0.3}
    ),
    "columns-sparse": lambda: ColumnTransformer(
        [("bins", KBinsDiscretizer(3, strategy="uniform"), [0])], remainder="passthrough", sparse_threshold=1
    ),
}
MISSING: dict[str, Callable[[], Any]] = {
    "standard": lambda: StandardScaler(),
    "min-max-clip": lambda: MinMaxScaler(clip=True),
    "max-abs": lambda: MaxAbsScaler(),
    "robust": lambda: RobustScaler(),
    "imputer": lambda: SimpleImputer(),
    "imputer-median": lambda: SimpleImputer(strategy="median", add_indicator=True),
    "imputer-frequent": lambda: SimpleImputer(strategy="most_frequent", copy=False),
    "imputer-constant": lambda: SimpleImputer(strategy="constant", fill_value=0.1, add_indicator=True),
    "imputer-function": lambda: SimpleImputer(strategy=np.ptp),
    "imputer-empty": lambda: SimpleImputer(keep_empty_features=True, add_indicator=True),
    "threshold": lambda: VarianceThreshold(),
}
"""Those that take NaN: all of these are bitwise."""


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs of one to four features, perhaps on a coarse grid, perhaps with a constant one; labels; more inputs."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, features = draw(st.integers(12, 30)), draw(st.integers(1, 4))
    x = rng.standard_normal((rows, features)) * 10.0 ** rng.integers(-3, 3, features)
    if draw(st.booleans()):
        x = rng.integers(-2, 3, (rows, features)) / 2
    x[:, 0] = 0.3 if features > 1 and draw(st.booleans()) else x[:, 0]
    queries = np.concatenate([x, (x + x[::-1]) / 2, 3 * rng.standard_normal((10, features)), np.zeros((1, features))])
    return x, np.arange(rows) % 2, queries


def checked(transformer: Any, x: np.ndarray, y: np.ndarray, queries: np.ndarray) -> Transformer:
    """The compiled transformer, fitted in either precision and held to its own `transform` in either precision."""
    for fit in (np.float32, np.float64):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of constant features and empty columns, which are what is tested here
            compiled = compile_transformer(transformer.fit(x.astype(fit), y))
            for asked in (np.float32, np.float64):
                batch = queries.astype(asked)
                expected = transformer.transform(batch.copy())
                expected = expected.toarray() if sparse.issparse(expected) else expected
                made = compiled.forward(torch.from_numpy(batch))
                if compiled.bitwise:
                    assert made.numpy().dtype == expected.dtype
                    np.testing.assert_array_equal(made, expected)
                else:
                    scale = np.abs(expected).max(initial=0.0)
                    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-5 * max(scale, 1e-30))
    return compiled


@pytest.mark.parametrize("name", [*BITWISE, *CLOSE])
@settings(max_examples=25, deadline=None, derandomize=True)
@given(table=tables())
def test_transformers_do_what_scikit_learn_does(name: str, table: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    x, y, queries = table
    assume(x.shape[1] > 1 or name not in ("select-rfe", "svd"))  # which cannot be fitted on one feature
    compiled = checked((BITWISE | CLOSE)[name](), x, y, queries)
    assert compiled.bitwise is (name in BITWISE)
    assert compiled.relaxed(torch.from_numpy(queries)).shape == compiled.forward(torch.from_numpy(queries)).shape


@pytest.mark.parametrize("name", MISSING)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(table=tables(), share=st.sampled_from([0.1, 0.6]), empty=st.booleans())
def test_transformers_of_missing_values(
    name: str, table: tuple[np.ndarray, np.ndarray, np.ndarray], share: float, empty: bool
) -> None:
    x, y, queries = table
    rng = np.random.default_rng(0)
    x, queries = (np.where(rng.random(each.shape) < share, np.nan, each) for each in (x, queries))
    x[:2] = np.arange(2)[:, None]  # so that no feature is constant, and none without a value
    if empty and name.startswith("imputer") and name != "imputer-function":
        x = np.insert(x, 1, np.nan, axis=1)
        queries = np.insert(queries, 1, 2.0, axis=1)
    assert checked(MISSING[name](), x, y, queries).bitwise


@pytest.mark.parametrize("name", [*BITWISE, *CLOSE])
def test_gradients_of_transformers_equal_finite_differences(name: str) -> None:
    rng = np.random.default_rng(1)
    x, weights = rng.standard_normal((30, 3)), rng.standard_normal(200)
    compiled = compile_transformer((BITWISE | CLOSE)[name]().fit(x, np.arange(30) % 2))
    assert compiled.gradient == ("surrogate" if "bins" in name or name.startswith("columns") else "exact")

    def weighed(points: torch.Tensor) -> torch.Tensor:
        made = compiled.relaxed(points)
        return made @ torch.from_numpy(weights[: made.shape[1]])

    points = torch.from_numpy(x[:8] * 0.9 + 0.01).requires_grad_()
    (gradient,) = torch.autograd.grad(weighed(points).sum(), points, allow_unused=True, materialize_grads=True)
    steps = 1e-6 * torch.eye(3, dtype=torch.float64)
    with torch.no_grad():
        slopes = [(weighed(points + step) - weighed(points - step)) / 2e-6 for step in steps]
    torch.testing.assert_close(gradient, torch.stack(slopes, dim=1), rtol=1e-4, atol=1e-6)


def test_every_kind_of_transformer_is_in_these_tests() -> None:
    tried = {type(make()) for make in (BITWISE | CLOSE | MISSING).values()} | {Pipeline, SequentialFeatureSelector}
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in tried}
    assert {path for path in TABLE if path not in names and "feature_selection" not in path} == {
        "sklearn.preprocessing._function_transformer.FunctionTransformer"  # as which passthrough is fitted
    }
