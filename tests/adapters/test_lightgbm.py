"""LightGBM alone: tiny inputs, categories, objectives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from boosted import DTYPES, clean, is_the_estimators_own, needs, quiet, settings
from families.data import digits
from sklearn_cases import fitted

from adapters.boosters.base import BoosterAdapter

pytestmark = quiet


@needs["lightgbm"]
@pytest.mark.parametrize("value", [0.0, -0.0, 1e-36, -1e-36, 1e-35, -1e-35, 2e-35, -2e-35, 1e-40, -1e-40])
def test_lightgbm_takes_tiny_inputs_for_zero(value: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.choice([-1e-34, -1e-36, 0.0, 1e-36, 1e-34], size=(400, 3))
    model = fitted(settings("lightgbm"), x, ((x > 0).sum(1) > 1).astype(int))
    batch = torch.from_numpy(rng.choice([-1e-34, 1e-34, value], size=(200, 3)))
    is_the_estimators_own(model, batch)
    is_the_estimators_own(model, batch.float())


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
