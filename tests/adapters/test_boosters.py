"""XGBoost, LightGBM and CatBoost to the last comparison: thresholds, missing values, categories, stopping, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from families import boosters
from families.data import digits
from sklearn_cases import adapter, fitted, noting
from torch import Tensor

from adapters.boosters.base import BoosterAdapter
from adapters.compiled import SklearnAdapter
from adapters.sklearn.table import compile_estimator

pytestmark = [
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
    pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated"),
]

LIBRARIES = ("xgboost", "lightgbm", "catboost")
INSTALLED = [library for library in LIBRARIES if library in boosters.CASES]
DTYPES = (torch.float32, torch.float64)

needs: dict[str, Any] = {
    library: pytest.mark.skipif(library not in INSTALLED, reason=f"{library} is not installed") for library in LIBRARIES
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_library_has_cases(library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed, so none of its models are tested")
    assert library in boosters.CASES


def is_the_estimators_own(model: SklearnAdapter, x: Tensor) -> None:
    """Labels, raw scores and probabilities, both by the library's code and by the compiled trees."""
    assert isinstance(model, BoosterAdapter)
    estimator = model.estimator
    places = {label: place for place, label in enumerate(estimator.classes_.tolist())}
    expected = [places[label] for label in np.asarray(estimator.predict(x.numpy())).ravel().tolist()]
    close = {"rtol": 0, "atol": 1e-6 if model.family == "xgboost" else 1e-12}
    np.testing.assert_allclose(model._walked(x), model._estimated_raw(x), **close)
    np.testing.assert_array_equal(model.reference_predict(x), expected)
    for labels, scores, probabilities in (model.outputs(x), model._compiled(x)):
        np.testing.assert_array_equal(labels, expected)
        assert scores is not None
        assert torch.equal(scores.argmax(1), labels)
        assert probabilities is not None
        np.testing.assert_allclose(probabilities, estimator.predict_proba(x.numpy()), **close)


def clean() -> Tensor:
    return torch.from_numpy(digits()[2])


def settings(library: str, **others: Any) -> Any:
    make: Callable[..., Any] = boosters.CASES[library].make
    return make(**others)


# -- thresholds --------------------------------------------------------------------------------------------------------


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


@needs["lightgbm"]
@pytest.mark.parametrize("value", [0.0, -0.0, 1e-36, -1e-36, 1e-35, -1e-35, 2e-35, -2e-35, 1e-40, -1e-40])
def test_lightgbm_takes_tiny_inputs_for_zero(value: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.choice([-1e-34, -1e-36, 0.0, 1e-36, 1e-34], size=(400, 3))
    model = fitted(settings("lightgbm"), x, ((x > 0).sum(1) > 1).astype(int))
    batch = torch.from_numpy(rng.choice([-1e-34, 1e-34, value], size=(200, 3)))
    is_the_estimators_own(model, batch)
    is_the_estimators_own(model, batch.float())


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


# -- missing values and categories -------------------------------------------------------------------------------------


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


@needs["lightgbm"]
def test_lightgbm_goes_by_categories() -> None:
    """Known and unknown ones, missing ones, negative ones, halves, and numbers beyond every category."""
    x, y, test, truth = digits()
    columns, rng = [20, 21, 36, 42], np.random.default_rng(0)
    estimator = settings("lightgbm", min_data_per_group=5, cat_smooth=1.0, cat_l2=1.0)
    estimator.set_params(categorical_feature=columns)
    model = fitted(estimator, (x * 16).round(), y)
    assert isinstance(model, BoosterAdapter)
    assert model._constants["by_category"].nonzero()[:, 0].tolist() == columns
    batch = (test * 16).round()
    batch[:, columns] = rng.choice([np.nan, -3, -0.5, 0, 0.5, 3, 7.9, 8, 12, 16, 31, 32, 33, 500, 1e7], size=(300, 4))
    for dtype in DTYPES:
        is_the_estimators_own(model, torch.from_numpy(batch).to(dtype))
    gradient = model.input_gradient(torch.from_numpy(batch), torch.from_numpy(truth))
    assert (gradient[:, columns] == 0).all()
    assert (gradient.abs().amax(1) > 0).all()


# -- what else decides outputs -----------------------------------------------------------------------------------------


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


@needs["catboost"]
@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.9])
def test_catboosts_probability_threshold_decides(threshold: float) -> None:
    x, y, _, _ = digits()
    estimator = settings("catboost", iterations=4, depth=2).fit(x, y > 4)
    before = estimator.predict(digits()[2])
    estimator.set_probability_threshold(threshold)
    model = compile_estimator(estimator)
    assert (np.asarray(before) != np.asarray(estimator.predict(digits()[2]))).any()
    is_the_estimators_own(model, clean())


@needs["catboost"]
def test_catboosts_scale_and_bias_count() -> None:
    x, y, _, _ = digits()
    estimator = settings("catboost").fit(x, y > 4)
    estimator.set_scale_and_bias(0.7, -0.4)
    is_the_estimators_own(compile_estimator(estimator), clean())


@needs["catboost"]
def test_catboosts_classes_keep_the_order_given() -> None:
    x, y, _, _ = digits()
    model = fitted(settings("catboost", class_names=["b", "c", "a"]), x, np.array(["b", "a", "c"])[y % 3])
    assert model.classes == ("b", "c", "a")
    is_the_estimators_own(model, clean())


@needs["catboost"]
def test_two_classes_of_catboost_by_softmax() -> None:
    x, y, _, _ = digits()
    is_the_estimators_own(fitted(settings("catboost", loss_function="MultiClass"), x, y > 4), clean())


@needs["lightgbm"]
def test_two_classes_of_lightgbm_by_softmax() -> None:
    x, y, _, _ = digits()
    model = fitted(settings("lightgbm", objective="multiclass", num_class=2), x, y > 4)
    assert model.decision == "none"
    is_the_estimators_own(model, clean())


@needs["lightgbm"]
def test_one_vs_all_with_several_sure_classes() -> None:
    """Rounded probabilities of 1 tie, and the first of them is the label; raw scores do not tie."""
    x, y, _, _ = digits()
    estimator = settings("lightgbm", objective="multiclassova", n_estimators=4, learning_rate=40.0)
    model = fitted(estimator, x, y % 3)
    assert isinstance(model, BoosterAdapter)
    raw = model._estimated_raw(clean())
    assert ((model._lead(raw) == 0) & (raw.argmax(1) != model.predict(clean()))).any()
    is_the_estimators_own(model, clean())
