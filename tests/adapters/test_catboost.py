"""CatBoost alone: what may be set after the fit, and the order of classes."""

from __future__ import annotations

import numpy as np
import pytest
from boosted import clean, is_the_estimators_own, needs, quiet, settings
from families.data import digits
from sklearn_cases import fitted

from adapters.sklearn.table import compile_estimator

pytestmark = quiet


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
