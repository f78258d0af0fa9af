"""Multi-layer perceptrons: rounding, saturation, what the owner goes on fitting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neural_network import MLPClassifier
from sklearn_cases import digits, fitted, own, own_labels, probes

from adapters.base import LOSSES
from adapters.sklearn.mlp import STEEPEST, MLPAdapter
from adapters.sklearn.table import compile_part

pytestmark = pytest.mark.filterwarnings("ignore")  # of fits that are stopped early


def trained(precision: type = np.float64, classes: int = 10, **settings: Any) -> MLPAdapter:
    x, y, _, _ = digits()
    settings = {"hidden_layer_sizes": (20, 15, 10), "max_iter": 20, "random_state": 0} | settings
    model = fitted(MLPClassifier(**settings), x.astype(precision), y % classes)
    assert isinstance(model, MLPAdapter)
    return model


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("activation", STEEPEST)
def test_a_fit_on_float32_computes_in_float32(activation: str, classes: int) -> None:
    model = trained(np.float32, classes, activation=activation)
    x = probes("mlp-relu")
    expected = own_labels(model, x)
    for labels, scores, probabilities in (model.outputs(x), model._compiled(x)):
        np.testing.assert_array_equal(labels, expected)
        assert scores is not None
        assert torch.equal(scores.argmax(1), labels)
        np.testing.assert_allclose(probabilities, own(model, "predict_proba", x), atol=1e-6)


@pytest.mark.parametrize("activation", STEEPEST)
def test_the_rounding_bound_holds_and_leaves_few_open(activation: str) -> None:
    model = trained(np.float32, activation=activation, hidden_layer_sizes=(40, 40, 40))
    x = probes("mlp-relu")
    sums, error = model._bounded(x.double(), torch.float32)
    assert ((torch.from_numpy(model._headless._forward_pass_fast(x.numpy())) - sums).abs() <= error[:, None]).all()
    best = sums[:300].topk(2, dim=1).values
    assert (best[:, 0] - best[:, 1] > 2 * error[:300]).float().mean() > 0.9


def test_outputs_too_close_for_float32_are_ranked_as_the_estimator_does() -> None:
    """Two classes of equal weights but for the last bits: the exponentials round to one number, and the first wins."""
    for classes, at in ((10, slice(None)), (2, slice(None))):
        model = trained(np.float32, classes, hidden_layer_sizes=(5,))
        estimator = model.estimator
        estimator.coefs_[1][:, at] = 1e-8 * np.arange(estimator.coefs_[1].shape[1], dtype=np.float32)
        estimator.intercepts_[1][:] = 3e-9 if classes == 2 else 0
        again = compile_part(estimator)
        x = probes("mlp-relu")
        np.testing.assert_array_equal(again._compiled(x).labels, own_labels(again, x))


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_gradients_of_saturated_layers_survive(activation: str, precision: torch.dtype) -> None:
    """Every hidden unit is at its limit to the last bit, where 1 - tanh^2 and s (1 - s) are computed as zero."""
    model = trained(activation=activation, hidden_layer_sizes=(10, 10))
    for scale in (30.0, 3000.0):
        x = (scale * torch.from_numpy(digits()[2][:40])).to(precision)
        y = model.predict(x)
        for loss in LOSSES[::2]:
            gradient = model.input_gradient(x, y, loss)
            assert gradient.isfinite().all()
            assert (gradient.abs().amax(1) > 0).all()
        logits = model.logits(x)
        torch.testing.assert_close(logits.double(), model._compiled(x).scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_the_activations_are_the_usual_ones(activation: str) -> None:
    model = trained(activation=activation)
    x = torch.linspace(-15, 15, 2001, dtype=torch.float64)[:, None].requires_grad_()
    (slope,) = torch.autograd.grad(model._activated(x).sum(), x)
    usual = {"tanh": torch.tanh, "logistic": torch.sigmoid}[activation](x)
    torch.testing.assert_close(model._activated(x), usual, rtol=0, atol=1e-15)
    expected = torch.cosh(x) ** -2 if activation == "tanh" else 1 / (2 * torch.cosh(x / 2)) ** 2
    torch.testing.assert_close(slope, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_fitting_the_owners_estimator_on_changes_nothing(solver: str) -> None:
    x, y, clean, _ = digits()
    estimator = MLPClassifier((10,), solver=solver, max_iter=5, warm_start=True, random_state=0)
    model = fitted(estimator, x, y)
    batch = torch.from_numpy(clean)
    before, labels = model.fingerprint, model.predict(batch)
    if solver != "lbfgs":
        estimator.partial_fit(x, (y + 2) % 10)
    estimator.fit(x, (y + 1) % 10)
    assert model.fingerprint == before
    assert torch.equal(model.predict(batch), labels)
    assert torch.equal(model._compiled(batch).labels, model.reference_predict(batch))


def test_a_part_that_knows_one_class() -> None:
    x, _, clean, _ = digits()
    part = compile_part(MLPClassifier((5,), max_iter=20, random_state=0).fit(x, np.full(len(x), "only")))
    batch = torch.from_numpy(clean)
    for labels, scores, probabilities in (part.outputs(batch), part._compiled(batch)):
        assert not labels.any()
        assert scores is not None
        assert scores.shape == (300, 1)
        np.testing.assert_allclose(probabilities, own(part, "predict_proba", batch)[:, :1], atol=1e-6)
    np.testing.assert_allclose(part.log_probabilities(batch).exp(), probabilities, atol=1e-6)


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_sample_weights_and_one_feature(precision: type) -> None:
    x, y, clean, _ = digits()
    weights = np.random.default_rng(0).random(len(y)) * (y != 3)
    for at in (slice(None), slice(20, 21)):
        part, batch = x[:, at].astype(precision), torch.from_numpy(clean[:, at])
        model = fitted(MLPClassifier((10,), max_iter=10, random_state=0), part, y, sample_weight=weights)
        np.testing.assert_array_equal(model.predict(batch), own_labels(model, batch))
        np.testing.assert_array_equal(model._compiled(batch.double()).labels, own_labels(model, batch.double()))
