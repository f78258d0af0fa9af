"""Labels where they are hardest: on the boundary between two classes, and on all of MNIST's test images."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from families import CASES
from sklearn_cases import NAMES, adapter, fitted, own_labels, probes

from adapters.compiled import SklearnAdapter
from bench.datasets import open_dataset

BESIDE = 4


@pytest.mark.parametrize("name", NAMES)
def test_points_on_and_one_ulp_beside_the_boundary(name: str) -> None:
    """On segments between inputs of two classes, as close to the change as float32 tells, and each four times with one
    feature moved by an ulp. Their margins are smaller than what rounding makes of any sum."""
    model = adapter(name)
    points = boundary(model, probes(name), CASES[name].on_boundary)
    rng = np.random.default_rng(0)
    moved = np.repeat(points, BESIDE, axis=0)
    rows, features = np.arange(len(moved)), rng.integers(points.shape[1], size=len(moved))
    toward = np.where(rng.random(len(moved)) < 0.5, np.float32(-9), np.float32(9))
    moved[rows, features] = np.nextafter(moved[rows, features], toward)
    x = torch.from_numpy(np.concatenate([points, moved]))
    expected = own_labels(model, x)
    np.testing.assert_array_equal(model.predict(x), expected)
    np.testing.assert_array_equal(model._compiled(x).labels, expected)


def boundary(model: SklearnAdapter, x: torch.Tensor, count: int) -> np.ndarray:
    """`(count, D)` float32 points where the label changes, found by halving segments between inputs of two classes."""
    rng = np.random.default_rng(0)
    labels = model.predict(x).numpy()
    first, second = rng.integers(len(x), size=(2, 50 * count))
    differ = np.flatnonzero(labels[first] != labels[second])[:count]
    start, end = x.numpy()[first[differ]].astype(np.float64), x.numpy()[second[differ]].astype(np.float64)
    low, high = np.zeros((len(start), 1)), np.ones((len(start), 1))
    kept = labels[first[differ]]
    for _ in range(26):  # as many as float32 has digits
        middle = (low + high) / 2
        at_middle = model.predict(torch.from_numpy((start + middle * (end - start)).astype(np.float32))).numpy()
        same = (at_middle == kept)[:, None]
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    points: np.ndarray = (start + high * (end - start)).astype(np.float32)
    return points


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.on_mnist])
def test_labels_of_mnist_test_images_are_the_estimators_own(name: str) -> None:
    """Of 500, and random ones; `make speed` compares all 10,000 for one estimator of every family."""
    data = open_dataset("mnist")
    train, labels = data.examples("train", slice(300)).reshape(300, -1), data.labels("train")[:300]
    x = torch.from_numpy(data.examples("test", slice(500))).flatten(1)
    x = torch.cat([x, torch.rand(200, 784, generator=torch.Generator().manual_seed(0))])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = fitted(CASES[name].make(), train, labels % 2 if CASES[name].labellings == ("binary",) else labels)
        except np.linalg.LinAlgError:
            pytest.skip("it cannot be fitted to fewer images of a class than they have pixels")
    expected = own_labels(model, x)
    np.testing.assert_array_equal(model.predict(x), expected)
    np.testing.assert_array_equal(model._compiled(x).labels, expected)
