"""XGBoost, LightGBM and CatBoost to the last comparison: thresholds, missing values, stopping, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from boosted import DTYPES, INSTALLED, LIBRARIES, clean, is_the_estimators_own, quiet, settings
from families import boosters
from families.data import digits
from sklearn_cases import adapter, fitted, noting

from adapters.boosters.base import BoosterAdapter
from adapters.compiled import SklearnAdapter
from adapters.sklearn.table import compile_estimator

pytestmark = quiet


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_library_has_cases(library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed, so none of its models are tested")
    assert library in boosters.CASES


# -- thresholds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", boosters.CASES)
def test_inputs_on_and_one_ulp_beside_the_thresholds(name: str) -> None:
    """The compiled thresholds of XGBoost are an ulp below its own, so two ulp are gone to either side."""
    for dtype in DTYPES:
        with noting(dtype):
            goes_the_same_way(adapter(name), dtype)


def goes_the_same_way(model: SklearnAdapter, dtype: torch.dtype) -> None:
    assert isinstance(model, BoosterAdapter)
    table, rng = model._constants, np.random.default_rng(0)
    splits = (table["left"] != torch.arange(len(table["left"]))).nonzero()[:, 0].numpy()
    drawn = rng.choice(splits, size=2000)
    places = [table["threshold"][drawn].to(dtype).numpy()]
    for toward in (-9, 9):
        once = np.nextafter(places[0], toward, dtype=places[0].dtype)
        places += [once, np.nextafter(once, toward, dtype=once.dtype)]
    x = clean().to(dtype)[torch.from_numpy(rng.integers(300, size=2000))].numpy()
    rows = np.arange(2000)
    x[rows, table["feature"][drawn]] = np.stack(places)[rows % 5, rows]
    is_the_estimators_own(model, torch.from_numpy(x))


@pytest.mark.parametrize("name", boosters.CASES)
def test_few_labels_are_left_to_the_estimator(name: str) -> None:
    model = adapter(name)
    assert isinstance(model, BoosterAdapter)
    assert (model._lead(model._walked(clean())) <= model.link_roundoff + model._rounding).float().mean() < 0.02


@pytest.mark.parametrize("library", INSTALLED)
def test_any_small_problem(library: str) -> None:
    """Coarse grids, repeated rows, few examples: many ties and trees without splits."""
    for seed in range(12):
        rng = np.random.default_rng(seed)
        rows, classes = int(rng.integers(12, 40)), int(rng.integers(2, 5))
        x = rng.integers(-2, 3, (rows, 3)) / 2 if seed % 2 else rng.standard_normal((rows, 3))
        y = np.append(np.arange(classes), rng.integers(classes, size=rows - classes))
        model = fitted(settings(library), x, y)
        queries = np.concatenate([x, (x[rng.integers(rows, size=30)] + x[rng.integers(rows, size=30)]) / 2])
        for dtype in DTYPES:
            is_the_estimators_own(model, torch.from_numpy(queries).to(dtype))


# -- missing values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", ["ten", "two"])
@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize(
    ("library", "others"),
    [
        ("xgboost", {}),
        ("lightgbm", {}),
        ("lightgbm", {"use_missing": False}),
        ("catboost", {"nan_mode": "Min"}),
        ("catboost", {"nan_mode": "Max"}),
        ("catboost", {"nan_mode": "Max", "grow_policy": "Depthwise"}),
    ],
)
def test_missing_values_follow_the_tree(library: str, others: dict[str, Any], seen: bool, labels: str) -> None:
    """Whether the trees were grown on missing values or meet them for the first time."""
    if library not in INSTALLED:
        pytest.skip(f"{library} is not installed")
    x, y, _, truth = digits()
    y, truth = (each if labels == "ten" else (each > 4).astype(int) for each in (y, truth))
    rng = np.random.default_rng(0)
    x = np.where(seen & (rng.random(x.shape) < 0.1), np.float32(np.nan), x)
    model = fitted(settings(library, **others), x, y)
    batch = torch.where(torch.from_numpy(rng.random((300, 64)) < 0.2), torch.nan, clean())
    for dtype in DTYPES:
        is_the_estimators_own(model, batch.to(dtype))
    gradient = model.input_gradient(batch, torch.from_numpy(truth))
    assert gradient.isfinite().all()
    assert (gradient.abs().amax(1) > 0).all()


# -- what else decides outputs ----------------------------------------------------------------------------------------


def stopped_early(library: str) -> Any:
    """Fitted with early stopping, long before its last round."""
    x, y, _, _ = digits()
    held_out = {"eval_set": [(x[500:], y[500:])]}
    if library == "xgboost":
        estimator = settings(library, n_estimators=60, learning_rate=0.9, max_depth=2, early_stopping_rounds=3)
        return estimator.fit(x[:500], y[:500], verbose=False, **held_out)
    if library == "catboost":
        estimator = settings(library, iterations=60, learning_rate=0.9, early_stopping_rounds=3)
        return estimator.fit(x[:500], y[:500], **held_out)
    from lightgbm import early_stopping

    estimator = settings(library, n_estimators=60, learning_rate=0.9, max_depth=2)
    return estimator.fit(x[:500], y[:500], callbacks=[early_stopping(3, verbose=False)], **held_out)


@pytest.mark.parametrize("library", INSTALLED)
def test_early_stopping_leaves_the_best_iteration(library: str) -> None:
    estimator = stopped_early(library)
    best = estimator.best_iteration if library == "xgboost" else estimator.best_iteration_
    assert best < 55
    is_the_estimators_own(compile_estimator(estimator), clean())


@pytest.mark.parametrize("library", INSTALLED)
def test_threads_change_nothing(library: str) -> None:
    x, y, _, _ = digits()
    name = "thread_count" if library == "catboost" else "n_jobs"
    model = fitted(settings(library), x, y)
    before, raw = model.fingerprint, model._estimated_raw(clean())
    if library != "catboost":  # takes no settings once it is fitted
        model.estimator.set_params(**{name: 2})
    assert torch.equal(model._estimated_raw(clean()), raw)
    assert fitted(settings(library, **{name: 2}), x, y).fingerprint == before


@pytest.mark.parametrize("library", INSTALLED)
def test_a_fit_on_a_table_with_named_columns(library: str) -> None:
    pandas = pytest.importorskip("pandas")
    x, y, _, _ = digits()
    table = pandas.DataFrame(x.astype(np.float64), columns=[f"pixel_{place}" for place in range(64)])
    is_the_estimators_own(fitted(settings(library), table, y), clean())


@pytest.mark.parametrize("library", ["xgboost", "catboost"])
def test_a_model_from_a_file(library: str, tmp_path: Path) -> None:
    if library not in INSTALLED:
        pytest.skip(f"{library} is not installed")
    model = adapter(library, "ten")
    path = str(tmp_path / "model.json")
    model.estimator.save_model(path)
    loaded = type(model.estimator)()
    loaded.load_model(path)
    again = compile_estimator(loaded)
    assert again.fingerprint == model.fingerprint
    is_the_estimators_own(again, clean())


@pytest.mark.parametrize("library", INSTALLED)
def test_settings_that_decide_outputs_are_in_the_fingerprint(library: str) -> None:
    x, y, _, _ = digits()
    rate = {"learning_rate": 0.11}
    prints = {fitted(settings(library, **others), x, y > 4).fingerprint for others in ({}, rate)}
    if library == "lightgbm":
        prints.add(fitted(settings(library, sigmoid=0.7), x, y > 4).fingerprint)
    if library == "catboost":
        shifted = fitted(settings(library), x, y > 4).estimator
        shifted.set_probability_threshold(0.3)
        prints.add(type(adapter("catboost"))(shifted).fingerprint)
    assert len(prints) == (2 if library == "xgboost" else 3)
