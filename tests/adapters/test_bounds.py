"""Bounds of valid inputs: a number, or one a feature, as tabular data have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import adapters
from adapters.errors import NotWrappable
from adapters.fitting import fit

X = np.array([[0.0, 10], [1, 20], [0, 30], [1, 40]])
LOGISTIC = LogisticRegression().fit(X, [0, 0, 1, 1])


@pytest.mark.parametrize("bounds", [(0, 1), (0.0, [1.0, 100.0]), (np.zeros(2), np.array([1, 100]))])
def test_bounds_are_kept_as_given(bounds: Any) -> None:
    adapter = adapters.wrap(LOGISTIC, bounds=bounds)
    assert adapter.bounds is bounds
    assert fit(adapter, (2,), ["1", "0"]).bounds is bounds


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ((1, 0), "lowest value above the highest"),
        (([0, 0], [1, -1]), "lowest value above the highest"),
        ((0, float("nan")), "lowest value above the highest, or NaN"),
        (([0, 0, 0], 1), r"one a feature of \(2,\)"),
        ((0, 1, 2), r"\(lowest, highest\)"),
        (1, r"\(lowest, highest\)"),
        (("a", "b"), r"\(lowest, highest\)"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(bounds: Any, message: str) -> None:
    with pytest.raises(NotWrappable, match=message) as caught:
        adapters.wrap(LOGISTIC, bounds=bounds)
    assert "\n" not in str(caught.value)


def test_an_estimator_takes_no_other_option() -> None:
    with pytest.raises(NotWrappable, match="takes bounds, classes, mean, std and scale, got avg"):
        adapters.wrap(LOGISTIC, avg=0.5)


def test_a_network_has_bounds_too() -> None:
    net = torch.nn.Linear(2, 2).eval()
    assert adapters.wrap(net, input_shape=(2,), bounds=([0, 0], [1, 9])).bounds == ([0, 0], [1, 9])
    with pytest.raises(NotWrappable, match="above the highest"):
        adapters.wrap(net, bounds=(2, 1))
