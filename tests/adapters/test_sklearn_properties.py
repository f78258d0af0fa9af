"""Labels equal the estimator's on whatever small data set comes: ties, duplicates, constant features, any labels."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import sklearn
import torch
from families import SMALL
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn.utils.validation import has_fit_parameter
from sklearn_cases import fitted, own_labels

from adapters.sklearn.tree import TreeAdapter
from adapters.trees.boosted import BoostedTrees

LABELS = [["a", "b"], ["x", "y", "z"], [5, 6, 7, 8, 9], [-1, 1], [1.0, 2.0, 7.0], [False, True]]


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, on a coarse grid or not, with repeated rows and perhaps a constant feature; labels; float32 queries."""
    names = draw(st.sampled_from(LABELS))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, features = draw(st.integers(max(8, len(names)), 30)), draw(st.integers(1, 5))
    coarse = draw(st.booleans())
    x = rng.integers(-2, 3, (rows, features)) / 2 if coarse else rng.standard_normal((rows, features))
    x[rng.integers(rows, size=rows // 4)] = x[0]
    # A constant of a short binary fraction has a deviation of exactly zero, any other one of rounding.
    x[:, 0] = draw(st.sampled_from([0.5, 0.1])) if draw(st.booleans()) else x[:, 0]
    y = np.array(names)[np.append(np.arange(len(names)), rng.integers(len(names), size=rows - len(names)))]
    mixed = (x[rng.integers(rows, size=20)] + x[rng.integers(rows, size=20)]) / 2
    queries = np.concatenate([x, mixed, rng.standard_normal((20, features)) * 2])
    return x, y, queries.astype(np.float32)


FAILS_ON_STRINGS = sklearn.__version__.startswith("1.8.")
"""Its own RadiusNeighborsClassifier, asked in float32."""


@pytest.mark.parametrize("narrow", [False, True], ids=["fit64", "fit32"])
@pytest.mark.parametrize("name", SMALL)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(problem=problems(), weighted=st.booleans())
def test_labels_are_the_estimators_own(
    name: str, narrow: bool, problem: tuple[np.ndarray, np.ndarray, np.ndarray], weighted: bool
) -> None:
    x, y, queries = problem
    assume(not (FAILS_ON_STRINGS and narrow and name == "radius-brute" and y.dtype.kind == "U"))
    estimator, weights = SMALL[name](), {}
    if weighted and has_fit_parameter(estimator, "sample_weight"):
        weights["sample_weight"] = np.random.default_rng(0).uniform(0.1, 2, len(y))
    model = fitted(estimator, x.astype(np.float32) if narrow else x, y, **weights)
    batch = torch.from_numpy(queries)
    labels, scores, probabilities = model.outputs(batch)
    np.testing.assert_array_equal(labels, own_labels(model, batch))
    np.testing.assert_array_equal(model._compiled(batch).labels, labels)
    assert scores is not None
    assert torch.equal(scores.argmax(1), labels)
    if probabilities is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = model.estimator.predict_proba(queries)
        np.testing.assert_allclose(probabilities, expected, atol=1e-6, rtol=0)
        if isinstance(model, TreeAdapter):
            np.testing.assert_array_equal(model._walked(batch), expected)
    if isinstance(model, BoostedTrees):
        assert torch.equal(model._walked(batch), model._estimated_raw(batch))
    gradient = model.input_gradient(batch, labels)
    assert gradient.shape == batch.shape
    assert gradient.isfinite().all()
