"""Models that take their inputs in other units: the labels are those of `predict(x * scale)`, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from boosted import INSTALLED
from families import boosters
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import dense, points
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

import adapters
from adapters.errors import NotWrappable, ShapeMismatch
from adapters.fitting import fit
from adapters.scaling import Scaling

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (300, 12)).astype(np.float32)
LABELS = (PIXELS[:, :6].sum(1) > PIXELS[:, 6:].sum(1)).astype(int) + (PIXELS[:, 0] > 128)
X = torch.from_numpy(PIXELS[:80] / np.float32(255))
Y = torch.from_numpy(LABELS[:80])
NAMES, SHAPE = tuple("012"), (3, 2, 2)
ESTIMATORS = [
    LogisticRegression(max_iter=500),
    SVC(gamma=1e-4),
    GaussianNB(),
    KNeighborsClassifier(3),
    RandomForestClassifier(5, max_depth=6, random_state=0),
    make_pipeline(StandardScaler(), LogisticRegression()),
]


def moved(x: Tensor) -> Tensor:
    return (x + 0.05 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 1)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda found: type(found).__name__)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_labels_are_the_estimators_own_of_scaled_inputs(estimator: Any, dtype: torch.dtype) -> None:
    estimator.fit(PIXELS, LABELS)
    adapter = fit(adapters.wrap(estimator, scale=255), SHAPE, NAMES)
    for x in (X.to(dtype), moved(X).to(dtype)):
        own = estimator.predict(x.numpy() * 255)
        assert adapter.predict(x.reshape(-1, *SHAPE)).tolist() == own.tolist()
        assert adapter.reference_predict(x).tolist() == own.tolist()
    assert (adapter.family, adapter.input_shape) == (adapters.wrap(estimator).family, (12,))


@pytest.mark.parametrize("library", INSTALLED)
def test_boosters_too(library: str) -> None:
    estimator = boosters.CASES[library].make().fit(PIXELS, LABELS)
    adapter = fit(adapters.wrap(estimator, scale=255, mean=3), SHAPE, NAMES)
    own = np.asarray(estimator.predict(X.numpy() * 255 - 3)).ravel().tolist()
    assert adapter.predict(X.reshape(-1, *SHAPE)).tolist() == own
    assert adapter.input_gradient(X, Y).abs().sum() > 0


@settings(max_examples=50, deadline=None)
@given(
    values=st.lists(st.floats(0, 1, width=32), min_size=6, max_size=6),
    mean=st.floats(-2, 2) | st.lists(st.floats(-2, 2, width=32), min_size=3, max_size=3),
    std=st.floats(0.01, 4) | st.lists(st.floats(0.125, 4, width=32), min_size=3, max_size=3),
    scale=st.floats(0.5, 300),
)
def test_the_arithmetic_is_numpys(values: list[float], mean: Any, std: Any, scale: float) -> None:
    """Of a float32 array with numbers and with float32 arrays, to the last bit."""
    x = np.array(values, dtype=np.float32).reshape(1, 3, 2)
    sides = [np.float32(side) if np.ndim(side) == 0 else np.float32(side).reshape(3, 1) for side in (mean, std)]
    expected = (x * np.float32(scale) - sides[0]) / sides[1]
    found = Scaling(mean, std, scale)(torch.from_numpy(x))
    np.testing.assert_array_equal(found.numpy(), expected)


def test_epsilon_stays_in_the_datasets_units() -> None:
    estimator = LogisticRegression(max_iter=500).fit(PIXELS, LABELS)
    scaled, plain = adapters.wrap(estimator, scale=255), adapters.wrap(estimator)
    expected = 255 * plain.input_gradient(255 * X, Y)
    assert torch.allclose(scaled.input_gradient(X, Y), expected, rtol=1e-4)
    assert scaled.fingerprint != plain.fingerprint
    assert scaled.fingerprint == adapters.wrap(estimator, scale=255).fingerprint
    assert scaled.fingerprint != adapters.wrap(estimator, scale=254).fingerprint


@pytest.mark.parametrize("shape", [SHAPE, (12,)])
def test_one_value_a_channel_or_a_feature(shape: tuple[int, ...]) -> None:
    estimator = LogisticRegression(max_iter=500).fit(PIXELS, LABELS)
    by_channel, wide = [1.0, 2.0, 3.0], np.repeat([1.0, 2.0, 3.0], 4)
    first, second = (fit(adapters.wrap(estimator, mean=mean, scale=255), shape, NAMES) for mean in (by_channel, wide))
    own = estimator.predict(X.numpy() * 255 - wide.astype(np.float32))
    for adapter in (first, second):
        assert adapter.predict(X.reshape(-1, *shape)).tolist() == own.tolist()
    with pytest.raises(ShapeMismatch, match="mean has 5 values, the dataset's inputs 3 channels"):
        fit(adapters.wrap(estimator, mean=[1.0] * 5), SHAPE, NAMES)


def test_networks_are_scaled_before_they_are_normalised() -> None:
    net = dense(12, 5, 3)
    x, y = points()
    with torch.no_grad():
        expected = net((x * 255 - 100) / 50)
    adapter = adapters.wrap(net, scale=255, mean=100, std=50)
    assert torch.equal(adapter.scores(x), expected)
    around = fit(adapters.wrap(adapters.wrap(net, mean=100, std=50), scale=255), SHAPE, tuple("abc"))
    assert torch.equal(around.scores(x), expected)
    assert torch.allclose(around.input_gradient(x, y), adapter.input_gradient(x, y))


def test_black_boxes_and_ensembles() -> None:
    estimator = LogisticRegression(max_iter=500).fit(PIXELS, LABELS)
    own = estimator.predict(X.numpy() * 255).tolist()
    box = adapters.wrap(adapters.black_box(estimator.predict, version="1"), scale=255)
    scaled = adapters.wrap(estimator, scale=255)
    for model in (box, adapters.ensemble([scaled, scaled]), adapters.ensemble([box, box])):
        assert fit(model.copied(), SHAPE, NAMES).predict(X.reshape(-1, *SHAPE)).tolist() == own
    named = [adapters.wrap(adapters.black_box(estimator.predict, version="1"), scale=255).called(name) for name in "ab"]
    assert named[0].fingerprint != named[1].fingerprint


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"scale": 0}, "scale=0: must be positive"),
        ({"scale": [1, 2]}, "scale=.*give one number"),
        ({"scale": "255"}, "scale='255': give a finite number"),
        ({"mean": float("nan")}, "mean=nan: give a finite number, or one per channel"),
        ({"std": -1.0}, "std=-1.0: must be positive"),
        ({"outputs": "logits"}, "takes bounds, classes, mean, std and scale, got outputs; outputs is for networks"),
        ({"classes": ["a"]}, r"give one name each for its 3 classes \[0, 1, 2\], in this order"),
        ({"classes": ["a", "a", "b"]}, "give one name each"),
    ],
)
def test_options_that_are_none(options: Any, says: str) -> None:
    with pytest.raises(NotWrappable, match=says):
        adapters.wrap(LogisticRegression(max_iter=500).fit(PIXELS, LABELS), **options)


def test_an_estimators_classes_get_the_datasets_names() -> None:
    words = np.array(["low", "middle", "top"])[LABELS]
    estimator = LogisticRegression(max_iter=500).fit(PIXELS, words)
    with pytest.raises(ShapeMismatch):
        fit(adapters.wrap(estimator), (12,), NAMES)
    adapter = fit(adapters.wrap(estimator, classes=[2, 0, 1]), (12,), NAMES)
    place = {"low": 2, "middle": 0, "top": 1}
    own = [place[word] for word in estimator.predict(X.numpy())]
    assert adapter.predict(X).tolist() == own
    assert adapter.reference_predict(X).tolist() == own
    scaled = fit(adapters.wrap(estimator, classes=[2, 0, 1], scale=1.0, bounds=(0, 1)), (12,), NAMES)
    assert scaled.predict(X).tolist() == own
    assert scaled.bounds == (0, 1)
