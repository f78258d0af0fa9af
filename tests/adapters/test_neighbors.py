"""Votes of stored points: metrics, points on the radius, inputs without neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid, RadiusNeighborsClassifier
from sklearn_cases import digits, fitted, own, own_labels

from adapters.rounding import log_odds_against
from adapters.sklearn.neighbors import NeighborsAdapter
from adapters.sklearn.table import compile_part

GRID = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
FAR = torch.full((3, 2), 100.0)


def on_the_grid(estimator: Any, labels: Any = (5, 6, 7)) -> Any:
    return fitted(estimator, GRID, np.array(labels)[np.arange(len(GRID)) % 3])


@pytest.mark.parametrize("algorithm", ["brute", "kd_tree", "ball_tree"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("p", [1, 2, 3, np.inf])
def test_points_on_the_radius_are_the_estimators_to_count(algorithm: str, weights: str, p: float) -> None:
    model = on_the_grid(
        RadiusNeighborsClassifier(1.0, p=p, weights=weights, algorithm=algorithm, outlier_label="most_frequent")
    )
    near = torch.from_numpy(GRID)
    batch = torch.cat([near, near + 1e-8, near + 0.5, near.new_full((2, 2), 50)])
    for x in (batch, batch.float()):
        expected = own_labels(model, x)
        for labels, _, probabilities in (model.outputs(x), model._compiled(x)):
            np.testing.assert_array_equal(labels, expected)
            np.testing.assert_allclose(probabilities, own(model, "predict_proba", x), atol=1e-6)


@pytest.mark.parametrize("metric", ["euclidean", "chebyshev"])
@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
def test_without_an_outlier_label_an_input_without_neighbours_gets_none(metric: str, algorithm: str) -> None:
    """There the estimator fails, and with it all of the batch."""
    estimator = RadiusNeighborsClassifier(0.6, metric=metric, algorithm=algorithm)
    model = on_the_grid(estimator)
    with pytest.raises(ValueError, match="No neighbors"):
        estimator.predict(FAR.numpy())
    near = torch.from_numpy(GRID).float() + 0.2
    for labels, scores, probabilities in (
        model.outputs(torch.cat([FAR, near])),
        model._compiled(torch.cat([FAR, near])),
    ):
        assert labels[:3].tolist() == [-1, -1, -1]
        np.testing.assert_array_equal(model.estimator.classes_[labels[3:]], estimator.predict(near.numpy()))
        assert not probabilities[:3].any()
        assert torch.equal(scores[3:].argmax(1), labels[3:])
    assert model.reference_predict(FAR).tolist() == [-1, -1, -1]
    labels = model.predict(near)
    assert (model.input_gradient(near, labels).abs().amax(1) > 0).all()


@pytest.mark.filterwarnings("ignore:Outlier label")
@pytest.mark.parametrize("algorithm", ["brute", "kd_tree"])
@pytest.mark.parametrize("label", [1, 7, 99, "most_frequent"])
def test_inputs_without_neighbours_get_what_the_estimator_says(label: Any, algorithm: str) -> None:
    """Which by one of its searches takes the label for an index: of 5, 6, 7 the label 1 means 6 there."""
    estimator = RadiusNeighborsClassifier(0.6, metric="manhattan", outlier_label=label, algorithm=algorithm)
    model = on_the_grid(estimator)
    for x in (FAR, FAR.double()):
        said = estimator.predict(x.numpy())
        known = np.isin(said, model.estimator.classes_)
        expected = np.where(known, np.searchsorted([5, 6, 7], said).clip(0, 2), -1)
        for labels, _, probabilities in (model.outputs(x), model._compiled(x)):
            np.testing.assert_array_equal(labels, expected)
            np.testing.assert_array_equal(probabilities, own(model, "predict_proba", x))
        np.testing.assert_array_equal(model.reference_predict(x), expected)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 255.0])
@pytest.mark.parametrize("p", [1.3, 30])
def test_powers_that_leave_the_numbers_of_float32(p: float, scale: float) -> None:
    x, y, clean, _ = digits()
    x, batch = x[:200] * np.float32(scale), torch.from_numpy(clean[:60] * np.float32(scale))
    for precision in (np.float32, np.float64):
        model = fitted(KNeighborsClassifier(3, p=p), x.astype(precision), y[:200])
        np.testing.assert_array_equal(model.predict(batch), own_labels(model, batch))
        gradient = model.input_gradient(batch, model.predict(batch))
        assert gradient.isfinite().all()
        assert (gradient.abs().amax(1) > 0).all()


def test_weights_of_features_are_scales() -> None:
    x, y, clean, _ = digits()
    weights = np.random.default_rng(0).random(64) * 3
    model = fitted(KNeighborsClassifier(3, metric_params={"w": weights}), x.astype(np.float64), y)
    other = fitted(KNeighborsClassifier(3), x * np.sqrt(weights), y)
    batch = torch.from_numpy(clean)
    assert torch.equal(model.predict(batch), other.predict(batch * torch.from_numpy(weights).sqrt()))
    assert model.fingerprint != other.fingerprint


def test_weights_of_features_given_to_an_estimator_stay_as_they_are() -> None:
    """scikit-learn writes the exponent into the dictionary that it is given."""
    x, y, clean, _ = digits()
    settings = {"w": np.ones(64)}
    model = fitted(KNeighborsClassifier(3, p=1, metric_params=settings), x, y)
    model.reference_predict(torch.from_numpy(clean[:5]))
    assert set(settings) == {"w"}


@pytest.mark.parametrize(
    "estimator",
    [
        KNeighborsClassifier(2),
        KNeighborsClassifier(2, weights="distance"),
        RadiusNeighborsClassifier(1.0, weights="distance"),
    ],
)
def test_a_part_that_knows_one_class(estimator: Any) -> None:
    part = compile_part(estimator.fit(GRID, np.zeros(len(GRID))))
    x = torch.rand(20, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 4
    labels, scores, probabilities = part.outputs(x)
    assert not labels.any()
    assert scores is not None
    assert scores.shape == (20, 1)
    assert probabilities is not None
    assert (probabilities == 1).all()
    assert not part.log_probabilities(x).any()


@pytest.mark.parametrize("k", [1, 5])
def test_stand_in_probabilities_are_near_the_estimators(k: int) -> None:
    x, y, clean, labels = digits()
    model = fitted(KNeighborsClassifier(k), x, y)
    assert isinstance(model, NeighborsAdapter)
    batch, truth = torch.from_numpy(clean), torch.from_numpy(labels)
    logs = model.log_probabilities(batch)
    assert np.abs(logs.exp().numpy() - own(model, "predict_proba", batch)).sum(1).mean() < 0.2
    point = batch.requires_grad_()
    (gradient,) = torch.autograd.grad(log_odds_against(model.log_probabilities(point), truth).sum(), point)
    assert (model.predict((batch + 0.2 * gradient.sign()).clamp(0, 1)) != truth).float().mean() > 0.4


def test_probabilities_of_the_nearest_centroid_are_of_its_discriminant() -> None:
    """With equal priors `predict` goes by plain distances: the likeliest class need not be the label."""
    x, y, clean, _ = digits()
    model = fitted(NearestCentroid(), x.astype(np.float64), y)
    labels, scores, probabilities = model.outputs(torch.from_numpy(clean))
    assert scores is not None
    assert probabilities is not None
    assert torch.equal(scores.argmax(1), labels)
    assert (probabilities.argmax(1) != labels).any()


def test_inputs_as_far_from_two_centroids_are_the_estimators() -> None:
    x = np.array([[0.0, 0.0], [0.0, 1.0], [2.0, 0.0], [2.0, 1.0], [0.0, 4.0], [1.0, 4.0]])
    batch = torch.tensor([[1.0, 0.5], [1.0, -3.0], [1.0, 0.1], [1.0 + 1e-7, 0.7], [1.0, 1e6]])
    for metric in ("euclidean", "manhattan"):
        for priors in ("uniform", [0.3, 0.3, 0.4]):
            model = fitted(NearestCentroid(metric=metric, priors=priors), x, np.repeat([3, 1, 2], 2))
            for rows in (batch, batch.double()):
                np.testing.assert_array_equal(model._compiled(rows).labels, own_labels(model, rows))
