"""Pipelines say what the whole of the estimator says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
import torch
from families.data import digits
from families.pipelines import by_column, logistic
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import (
    SelectKBest,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn_cases import fitted, own, own_labels

from adapters.compiled import SklearnAdapter
from adapters.sklearn.composite.pipeline import PipelineAdapter
from adapters.sklearn.table import compile_estimator


def agrees(model: SklearnAdapter, x: torch.Tensor) -> None:
    """Labels and scores, by the estimator's code and by tensor arithmetic, are the estimator's own."""
    expected = model.reference_predict(x)
    for labels, scores, _ in (model.outputs(x), model._compiled(x)):
        assert torch.equal(labels, expected)
        assert scores is not None
        assert torch.equal(scores.argmax(1), labels)


def batch() -> torch.Tensor:
    noise = torch.rand(200, 64, generator=torch.Generator().manual_seed(0))
    return torch.cat([torch.from_numpy(digits()[2][:200]), noise])


@pytest.mark.parametrize("last", [RandomForestClassifier(10, random_state=0), LogisticRegression(), LinearSVC()])
def test_missing_values_are_filled_in_on_the_way(last: Any) -> None:
    x, y, _, _ = digits()
    x = np.where(np.random.default_rng(0).random(x.shape) < 0.1, np.nan, x)
    model = fitted(make_pipeline(SimpleImputer(add_indicator=True), StandardScaler(), last), x, y)
    queries = batch()
    queries[queries > 0.9] = torch.nan
    assert model.takes_missing
    agrees(model, queries)
    gradient = model.input_gradient(queries, model.predict(queries))
    assert (gradient[queries.isnan()] == 0).all()
    assert (gradient.abs().amax(1) > 0).all()
    assert not fitted(make_pipeline(StandardScaler(), LinearSVC()), digits()[0], y).takes_missing


def test_a_tree_behind_a_scaler_is_equal_on_the_grid() -> None:
    """On pixels of few levels thresholds are near the scaled inputs, and one bit decides."""
    x, y, clean, _ = digits()
    for scaler in (StandardScaler(), MinMaxScaler((-1, 1)), RobustScaler(), Normalizer(), PCA(20)):
        model = fitted(make_pipeline(scaler, DecisionTreeClassifier(random_state=0)), x.astype(np.float64), y)
        agrees(model, torch.from_numpy(clean))
        agrees(model, (torch.from_numpy(x[:200]) + torch.from_numpy(x[200:400])) / 2)
        np.testing.assert_array_equal(model._compiled(batch()).scores, own(model, "predict_proba", batch()))


@pytest.mark.parametrize("selector", ["names", "callable"])
def test_columns_picked_by_name_get_a_table_again(selector: str) -> None:
    pandas = pytest.importorskip("pandas")
    x, y, _, _ = digits()
    names = [f"pixel {i}" for i in range(64)]
    picked = names[40:20:-1] if selector == "names" else make_column_selector("1$")
    prepare = ColumnTransformer([("scaled", StandardScaler(), picked)], remainder="passthrough")
    for estimator in (make_pipeline(prepare, logistic()), make_pipeline("passthrough", prepare, SVC())):
        model = fitted(estimator, pandas.DataFrame(x, columns=names), y)
        agrees(model, batch())
        table = pandas.DataFrame(batch().numpy(), columns=names)
        np.testing.assert_array_equal(model.predict(batch()), estimator.predict(table))
        assert model.input_gradient(batch(), model.predict(batch())).abs().amax(1).min() > 0


def test_tables_between_the_steps() -> None:
    pandas = pytest.importorskip("pandas")
    x, y, _, _ = digits()
    second = ColumnTransformer([("products", PolynomialFeatures(), ["x20", "x21"])], remainder="passthrough")
    estimator = make_pipeline(StandardScaler(), second, logistic()).set_output(transform="pandas")
    agrees(fitted(estimator, x, y), batch())
    union = FeatureUnion([("first", SelectKBest(k=30)), ("second", StandardScaler())])
    last = ColumnTransformer([("products", PolynomialFeatures(), ["second__x20", "second__x21"])])
    estimator = make_pipeline(union, make_pipeline(last, logistic())).set_output(transform="pandas")
    agrees(fitted(estimator, x, y), batch())
    named = pandas.DataFrame(x, columns=[f"x{i}" for i in range(64)])
    agrees(fitted(make_pipeline(StandardScaler(), SVC()).set_output(transform="pandas"), named, y), batch())


def test_steps_that_write_into_their_input_do_not_write_into_ours() -> None:
    x, y, _, _ = digits()
    inner = ColumnTransformer([("shift", MinMaxScaler(copy=False), slice(0, 64))])
    for first in (StandardScaler(copy=False), Normalizer(copy=False), make_pipeline(RobustScaler(copy=False)), inner):
        model, queries = fitted(make_pipeline(first, SVC()), x.copy(), y), batch()
        agrees(model, queries)
        assert torch.equal(queries, batch())


def test_refitting_or_setting_the_owners_steps_changes_nothing() -> None:
    x, y, _, _ = digits()
    estimator = make_pipeline(by_column(), FeatureUnion([("scale", StandardScaler()), ("pca", PCA(4))]), SVC())
    model, queries = fitted(estimator, x, y), batch()
    before, labels = model.fingerprint, model.predict(queries)
    estimator.set_params(svc__gamma=3.0, columntransformer__scaled__with_std=False).fit(x[:100] ** 2, y[:100])
    assert torch.equal(model.predict(queries), labels)
    assert torch.equal(model.reference_predict(queries), labels)
    assert model.fingerprint == before


def test_every_step_is_in_the_fingerprint() -> None:
    x, y, _, _ = digits()
    steps = [
        [],
        [StandardScaler()],
        [StandardScaler(with_mean=False)],
        [RobustScaler()],
        [MinMaxScaler()],
        [MinMaxScaler(clip=True)],
        [Normalizer()],
        [Normalizer("l1")],
        [MinMaxScaler(), Normalizer()],
        [SelectKBest(k=64)],
        [PolynomialFeatures(1)],
        [PolynomialFeatures(1, include_bias=False)],
        [SimpleImputer()],
        [SimpleImputer(missing_values=0)],
        [ColumnTransformer([("reversed", "passthrough", list(range(63, -1, -1)))])],
        [FeatureUnion([("same", "passthrough")], transformer_weights={"same": 2})],
        [KBinsDiscretizer(2, strategy="uniform", encode="onehot-dense")],
        [KBinsDiscretizer(2, strategy="uniform", encode="ordinal")],
    ]
    models = [fitted(make_pipeline(*some, DecisionTreeClassifier(max_depth=1, random_state=0)), x, y) for some in steps]
    prints = [model.fingerprint for model in models]
    assert len(set(prints)) == len(prints)
    stump = DecisionTreeClassifier(max_depth=1, random_state=0)
    copying = fitted(make_pipeline(StandardScaler(copy=False), stump), x.copy(), y)
    assert copying.fingerprint == prints[1]


def test_a_cache_and_metadata_routing_change_nothing(tmp_path: Path) -> None:
    x, y, _, _ = digits()
    plain = fitted(make_pipeline(StandardScaler(), PCA(10, random_state=0), logistic()), x, y)
    steps = (StandardScaler(), PCA(10, random_state=0), logistic())
    cached = fitted(make_pipeline(*steps, memory=str(tmp_path)), x, y)
    assert cached.fingerprint == plain.fingerprint
    agrees(cached, batch())
    with sklearn.config_context(enable_metadata_routing=True):
        last = logistic().set_fit_request(sample_weight=True)
        routed = Pipeline([("scale", StandardScaler()), ("classify", last)], transform_input=["sample_weight"])
        agrees(compile_estimator(routed.fit(x, y)), batch())


def test_searches_stand_for_what_they_found() -> None:
    x, y, _, _ = digits()
    grid = {"svc__gamma": [0.001, 0.02], "standardscaler": [StandardScaler(), "passthrough"]}
    search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), grid, cv=2)
    model = fitted(search, x, y)
    assert isinstance(model, PipelineAdapter)
    agrees(model, batch())
    np.testing.assert_array_equal(model.predict(batch()), search.predict(batch().numpy()))
    inner = RandomizedSearchCV(make_pipeline(MinMaxScaler(), SVC()), {"svc__C": [1, 2]}, n_iter=1, cv=2, random_state=0)
    outer = make_pipeline(StandardScaler(), inner)
    model = fitted(outer, x, y)
    agrees(model, batch())
    np.testing.assert_array_equal(model.predict(batch()), outer.predict(batch().numpy()))


def test_what_a_pipeline_says_of_itself_is_its_last_steps() -> None:
    x, y, _, _ = digits()
    exact = fitted(make_pipeline(StandardScaler(), SVC()), x, y % 2)
    assert (exact.family, exact.gradient, exact.decision, exact.probability) == ("svm", "exact", "exact", "none")
    steps = fitted(make_pipeline(KBinsDiscretizer(3, encode="ordinal", strategy="uniform"), logistic()), x, y)
    assert (steps.family, steps.gradient, steps.decision, steps.probability) == ("linear", *["surrogate"] * 3)
    assert (exact.jumps, steps.jumps) == (False, True)
    tree = fitted(make_pipeline(StandardScaler(), DecisionTreeClassifier()), x, y)
    assert (tree.family, tree.jumps, tree.confidence_kind) == ("tree", True, "leaf fraction")


def test_a_sparse_matrix_between_the_steps_is_computed_with_as_one() -> None:
    """StandardScaler multiplies a sparse matrix by the reciprocal of its scale, and divides an array."""
    x, y, _, _ = digits()
    prepare = ColumnTransformer(
        [("bins", KBinsDiscretizer(3, strategy="uniform"), slice(0, 60))], remainder="passthrough", sparse_threshold=1
    )
    tree = DecisionTreeClassifier(random_state=0)
    for rest in ([tree], [make_pipeline(StandardScaler(with_mean=False), tree)]):
        model = fitted(make_pipeline(prepare, StandardScaler(with_mean=False), *rest), x, y)
        agrees(model, batch())
        np.testing.assert_array_equal(model.predict(batch()), own_labels(model, batch()))
