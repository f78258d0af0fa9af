"""Trees, forests and boosted trees to the last bit: at thresholds, with missing values, by categories; relaxed too."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from sklearn_cases import TREES, adapter, digits, fitted, noting, own_labels, refitted
from torch import Tensor

from adapters.base import LOSSES
from adapters.compiled import SklearnAdapter
from adapters.errors import Unsupported
from adapters.sklearn.tree import TreeAdapter
from adapters.trees.boosted import BoostedTrees

DTYPES = (torch.float32, torch.float64)


def is_the_estimators_own(model: SklearnAdapter, x: Tensor, shown: Tensor | None = None) -> None:
    """Raw scores or leaf fractions to the last bit, and labels, both by the compiled trees and by the estimator's.

    The estimator is `shown` other numbers, where given.
    """
    assert isinstance(model, (TreeAdapter, BoostedTrees))
    own = model._estimated_raw(x) if isinstance(model, BoostedTrees) else model._own_probabilities(x)
    np.testing.assert_array_equal(model._walked(x), own)
    for labels, scores, _ in (model.outputs(x), model._compiled(x)):
        np.testing.assert_array_equal(labels, own_labels(model, x if shown is None else shown))
        assert scores is not None
        assert torch.equal(scores.argmax(1), labels)


# -- at the thresholds -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TREES)
def test_inputs_on_and_one_ulp_beside_the_thresholds(name: str) -> None:
    for dtype in DTYPES:
        with noting(dtype):
            goes_the_same_way(adapter(name), dtype)


def goes_the_same_way(model: SklearnAdapter, dtype: torch.dtype) -> None:
    assert isinstance(model, (TreeAdapter, BoostedTrees))
    rng, blocks = np.random.default_rng(0), model._soft.blocks
    features, thresholds = (
        torch.cat([getattr(block, what) for block in blocks]) for what in ("features", "thresholds")
    )
    drawn = rng.integers(len(features), size=2000)
    nearest = thresholds[drawn].to(dtype).numpy()
    places = np.stack([nearest, np.nextafter(nearest, -9, dtype=nearest.dtype), np.nextafter(nearest, 9)])
    clean = digits()[2]
    x = clean[rng.integers(len(clean), size=len(drawn))].astype(nearest.dtype)
    x[np.arange(len(x)), features[drawn]] = places[np.arange(len(x)) % 3, np.arange(len(x))]
    is_the_estimators_own(model, torch.from_numpy(x))


@pytest.mark.parametrize(
    ("estimator", "label"),
    [
        (GradientBoostingClassifier(n_estimators=2, init="zero"), 1),
        (GradientBoostingClassifier(n_estimators=2), 1),
        (HistGradientBoostingClassifier(max_iter=2), 0),
    ],
)
def test_a_raw_score_of_zero(estimator: Any, label: int) -> None:
    model = fitted(estimator, np.zeros((40, 2)), np.tile([0, 1], 20))
    batch = torch.ones(3, 2)
    assert isinstance(model, BoostedTrees)
    assert (model._walked(batch) == 0).all()
    assert (model.predict(batch) == label).all()
    is_the_estimators_own(model, batch)


@pytest.mark.parametrize("strategy", ["prior", "most_frequent", "uniform", "constant"])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_initial_predictions_of_a_constant(strategy: str, classes: int) -> None:
    x, y, clean, _ = digits()
    init = DummyClassifier(strategy=strategy, constant=1 if strategy == "constant" else None)
    model = fitted(GradientBoostingClassifier(n_estimators=2, init=init), x, y % classes)
    is_the_estimators_own(model, torch.from_numpy(clean))


def test_the_learning_rate_is_in_the_fingerprint_and_the_loss_too() -> None:
    x, y, _, _ = digits()
    model = fitted(GradientBoostingClassifier(n_estimators=2), x, y > 4)
    slower, another = model.estimator, fitted(GradientBoostingClassifier(n_estimators=2, init="zero"), x, y > 4)
    prints = {model.fingerprint, another.fingerprint}
    slower.learning_rate = 0.01
    prints.add(type(model)(slower).fingerprint)
    slower.loss = "exponential"
    prints.add(type(model)(slower).fingerprint)
    assert len(prints) == 4


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(3, warm_start=True, random_state=0),
        GradientBoostingClassifier(n_estimators=3, init=DummyClassifier(), random_state=0),
        GradientBoostingClassifier(n_estimators=3, warm_start=True, random_state=0),
        HistGradientBoostingClassifier(max_iter=3, warm_start=True, random_state=0),
    ],
)
def test_fitting_the_owners_estimator_on_changes_nothing(estimator: Any) -> None:
    x, y, clean, _ = digits()
    model, batch = fitted(estimator, x, y), torch.from_numpy(clean)
    before = model.outputs(batch)
    more = "max_iter" if "max_iter" in estimator.get_params() else "n_estimators"
    estimator.set_params(**{more: 6}).fit(x[300:], y[300:])
    is_the_estimators_own(model, batch)
    for after, own in zip(model.outputs(batch), before, strict=True):
        np.testing.assert_array_equal(after, own)


# -- missing values ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", ["ten", "binary"])
@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(random_state=0),
        ExtraTreeClassifier(random_state=0),
        RandomForestClassifier(8, random_state=0),
        ExtraTreesClassifier(8, random_state=0),
        HistGradientBoostingClassifier(max_iter=6),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_missing_values_follow_the_tree(estimator: Any, labels: str) -> None:
    """Pixels missing at random, and two that are there or not, which is all that some splits ask."""
    x, y, clean, truth = digits()
    y, truth = (each if labels == "ten" else each > 4 for each in (y, truth))
    rng = np.random.default_rng(0)
    x = np.where(rng.random(x.shape) < 0.1, np.nan, x)
    odds = np.where([y % 2 == 1, y > y.mean()], 0.8, 0.2)
    x[:, [0, 7]] = np.where(rng.random(odds.shape) < odds, np.nan, 0.5).T
    model = fitted(estimator, x, y)
    assert isinstance(model, (TreeAdapter, BoostedTrees))
    if "Extra" not in type(estimator).__name__:
        assert any(block.has_steps for block in model._soft.blocks)
    for dtype in DTYPES:
        batch = torch.from_numpy(np.where(clean > 0.9, np.nan, clean)).to(dtype)
        batch[::2, 0] = batch[::3, 7] = torch.nan
        is_the_estimators_own(model, batch)
        gradient = model.input_gradient(batch, torch.from_numpy(truth.astype(np.int64)))
        assert gradient.isfinite().all()
        assert (gradient.abs().amax(1) > 0).all()
        assert (gradient[batch.isnan()] == 0).all()


# -- categories --------------------------------------------------------------------------------------------------------


def with_categories(seed: int, classes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs with categories in columns 1, 3, 4 and 5, some of them missing; labels; queries with unknown ones."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((300, 6))
    x[:, 1] = rng.integers(-4, 5, 300) * 0.1
    x[:, 3] = rng.choice([2.0, 7.0, 1e6, np.nan], 300)
    x[:, 4] = rng.choice([3.0, np.nan], 300)
    x[:, 5] = np.nan if seed % 2 else rng.integers(0, 200, 300)
    x[rng.random(300) < 0.1, 0] = np.nan
    y = (10 * np.abs(x[:, 1]) + np.isnan(x[:, 3]) + 2 * (x[:, 3] > 5) + (x[:, 2] > 0) + np.isnan(x[:, 4])) % classes
    strangers = np.round(rng.standard_normal((200, 6)) * 5) / 10
    mixed = np.where(rng.random((300, 6)) < 0.3, np.roll(x, 7, axis=0), x)
    return x, y.astype(int), np.concatenate([x, mixed, strangers])


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("seed", range(4))
def test_categories_go_where_the_estimator_sends_them(seed: int, classes: int) -> None:
    """Known, unknown and missing ones; a value that float32 cannot hold is that which rounds to it."""
    x, y, queries = with_categories(seed, classes)
    columns = [5, 1, 3, 4]
    model = fitted(HistGradientBoostingClassifier(max_iter=8, categorical_features=columns), x, y)
    assert isinstance(model, BoostedTrees)
    assert any(block.categories for block in model._soft.blocks)
    for dtype in DTYPES:
        batch = torch.from_numpy(queries).to(dtype)
        shown = batch.double()
        for column, known in product(columns, np.unique(x[:, columns])):
            if known in x[:, column]:
                shown[batch[:, column] == torch.tensor(known, dtype=dtype), column] = known
        is_the_estimators_own(model, batch, shown)
        for loss in LOSSES:
            gradient = model.input_gradient(batch, model.predict(batch), loss)
            assert gradient.isfinite().all()
            assert (gradient[:, columns] == 0).all()
            assert (gradient[:, 2] != 0).all()


@pytest.mark.parametrize(
    ("estimator", "columns"),
    [
        (HistGradientBoostingClassifier(max_iter=3, categorical_features=[0, 1]), [1, 3]),
        (HistGradientBoostingClassifier(max_iter=3), [4]),
        (DecisionTreeClassifier(), [4]),
    ],
)
def test_steps_alone_give_no_gradient(estimator: Any, columns: list[int]) -> None:
    """Categories, or a feature that is there or not."""
    x, y, _ = with_categories(0, 2)
    model = fitted(estimator, x[:, columns], y)
    assert (model.gradient, model.decision, model.probability) == ("none", "none", "none")
    batch = torch.from_numpy(x[:, columns])
    is_the_estimators_own(model, batch)
    with pytest.raises(Unsupported):
        model.input_gradient(batch, torch.from_numpy(y))


# -- relaxed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 4])
def test_relaxed_trees_of_no_width_are_the_trees(classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoostedTrees, "temperature", 1e-9)
    x, y, queries = with_categories(1, classes)
    model = fitted(HistGradientBoostingClassifier(max_iter=8, categorical_features=[1, 3, 4, 5]), x, y)
    batch = torch.from_numpy(queries)
    batch[:, [0, 2]] += 1e-5  # off the thresholds, where a relaxed split goes both ways
    torch.testing.assert_close(model.soft_decision(batch), model.decision_values(batch), atol=1e-3, rtol=0)


@pytest.mark.parametrize("estimator", [GradientBoostingClassifier(), HistGradientBoostingClassifier()])
def test_features_of_other_scales_have_the_same_attack(estimator: Any) -> None:
    """Each feature's width goes by its own thresholds, so that in units of its scale the attack stays what it was."""
    x, y, clean, truth = digits()
    batch, labels = torch.from_numpy(clean).double(), torch.from_numpy(truth > 4).long()
    errors = []
    for scale in (np.ones(64), 10.0 ** np.random.default_rng(0).integers(-3, 4, 64)):
        model, units = fitted(estimator.set_params(random_state=0), x * scale, y > 4), torch.from_numpy(scale)
        attacked = (batch + 0.1 * model.input_gradient(batch * units, labels).sign()) * units
        errors.append((model.predict(attacked) != labels).double().mean())
    assert errors[0] > 0.4
    assert abs(errors[0] - errors[1]) < 0.03


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["forest", "gradient-boosting"])
def test_a_gpu_gives_the_same_gradient_again(name: str) -> None:
    model, x = refitted(name).to("cuda"), torch.from_numpy(digits()[2]).cuda()
    y = model.predict(x)
    first = model.input_gradient(x, y)
    assert all(torch.equal(model.input_gradient(x, y), first) for _ in range(5))
