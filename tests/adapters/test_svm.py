"""Support vector machines as parts of other estimators, and their probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.svm import SVC, NuSVC
from sklearn_cases import digits, fitted, own, own_labels, probes

from adapters.errors import Unsupported
from adapters.sklearn.platt import best_fit, iterated, square
from adapters.sklearn.svm import SVCAdapter

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # `probability=True` is on its way out


def platt(estimator: Any, classes: int = 10) -> SVCAdapter:
    x, y, _, _ = digits()
    model = fitted(estimator, x.astype(np.float64), y % classes)
    assert isinstance(model, SVCAdapter)
    return model


def machines() -> list[Any]:
    settings: dict[str, Any] = {"probability": True, "random_state": 0}
    return [SVC(**settings), SVC(kernel="linear", **settings), NuSVC(nu=0.1, kernel="sigmoid", gamma=0.02, **settings)]


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_probabilities_are_libsvms_without_asking_it(classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.cat([probes("svc-rbf"), torch.randn(500, 64, generator=torch.Generator().manual_seed(0))])
    for estimator in machines():
        model = platt(estimator, classes)
        expected = own(model, "predict_proba", x)
        monkeypatch.setattr(model, "_own_probabilities", lambda rows: torch.full((len(rows), classes), torch.nan))
        probabilities = model.outputs(x).probabilities
        assert probabilities is not None
        known = ~probabilities.isnan().any(1).numpy()
        assert known.mean() > 0.99
        np.testing.assert_allclose(probabilities[known], expected[known], atol=1e-9, rtol=0)


def test_where_libsvms_iteration_might_stop_a_round_earlier_it_is_asked() -> None:
    """From uniform probabilities the pair .505 : .495 has a gradient of .0025, just where it stops."""
    first = torch.tensor([[0.505], [0.505001], [0.504999]], dtype=torch.float64)
    pairs = square(first, 1 - first)
    for slack, expected in ((1e-9, [True, False, False]), (1e-4, [True, True, True])):
        fit, near = iterated(pairs, torch.full((3,), slack, dtype=torch.float64))
        assert near.tolist() == expected
    assert fit[2].tolist() == [0.5, 0.5]
    assert fit[1, 0] > 0.502


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_log_probabilities_have_the_gradient_they_say(classes: int) -> None:
    for estimator in machines():
        model = platt(estimator, classes)
        x = torch.from_numpy(digits()[2][:4]).double().requires_grad_()
        assert model.probability == "surrogate"
        logs = model.log_probabilities(x)
        torch.testing.assert_close(logs.exp().sum(1), torch.ones(4, dtype=torch.float64))
        np.testing.assert_allclose(logs.exp().detach(), own(model, "predict_proba", x.detach()), atol=0.01)
        assert torch.autograd.gradcheck(lambda z, m=model: m.log_probabilities(z), x, eps=1e-6, atol=1e-4, rtol=1e-3)


def test_log_probabilities_of_the_surest_inputs_have_gradients() -> None:
    """Decision values of hundreds, of which libsvm clips every pair."""
    x = 30 * torch.randn(50, 64, generator=torch.Generator().manual_seed(0))
    for classes in (2, 3, 10):
        model = platt(SVC(kernel="linear", probability=True, random_state=0), classes)
        for batch in (x, x.double()):
            point = batch.clone().requires_grad_()
            logs = model.log_probabilities(point)
            assert logs.isfinite().all()
            assert (logs.amin(1) < -16).any()
            (gradient,) = torch.autograd.grad(logs.amin(1).sum(), point)
            assert gradient.isfinite().all()
            sure = logs.amin(1) < -10  # elsewhere sure pairs may go round in a circle, which nothing tips over
            assert (gradient[sure].abs().amax(1) > 0).all()


def test_the_best_fit_of_pairs_that_agree_has_their_ratios() -> None:
    strength = torch.tensor([[0.0, -3.0, -9.0, -16.0], [-5.0, -5.0, 0.0, 1.0]], dtype=torch.float64)
    i, j = torch.triu_indices(4, 4, 1)
    pairs = (strength[:, i] - strength[:, j]).sigmoid(), (strength[:, j] - strength[:, i]).sigmoid()
    torch.testing.assert_close(best_fit(square(*pairs)), strength.log_softmax(1), rtol=1e-7, atol=1e-7)


def test_decision_values_count_votes_that_rounding_leaves_open_as_the_estimator_does() -> None:
    """Between two support vectors of opposite weights a decision is zero but for rounding, and worth a whole vote."""
    x = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    model = fitted(SVC(kernel="rbf", gamma=0.5), x, np.array([0, 1, 2, 3]))
    middle = torch.tensor([[1.0, 1.0], [1.0, 0.3], [0.7, 1.0], [0.5, 0.5]])
    np.testing.assert_allclose(model.decision_values(middle), own(model, "decision_function", middle), atol=1e-9)
    np.testing.assert_array_equal(model.predict(middle), own_labels(model, middle))


def test_one_against_one_values_are_not_what_others_ask_for() -> None:
    x, y, _, _ = digits()
    assert fitted(SVC(decision_function_shape="ovo"), x, y).decision == "none"
    assert fitted(SVC(decision_function_shape="ovr"), x, y).decision == "surrogate"
    assert fitted(SVC(decision_function_shape="ovo"), x, y % 2).decision == "exact"
    assert fitted(SVC(), x, y).probability == "none"
    with pytest.raises(Unsupported, match="no probabilities"):
        fitted(SVC(), x, y).log_probabilities(torch.zeros(1, 64))


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_sample_weights_and_one_feature(precision: type) -> None:
    x, y, clean, _ = digits()
    weights = np.random.default_rng(0).random(len(y))
    for at in (slice(None), slice(20, 21)):
        part, batch = x[:, at].astype(precision), torch.from_numpy(clean[:, at])
        model = fitted(SVC(), part, y, sample_weight=weights)
        np.testing.assert_array_equal(model.predict(batch), own_labels(model, batch))
        np.testing.assert_array_equal(model._compiled(batch.double()).labels, own_labels(model, batch.double()))
