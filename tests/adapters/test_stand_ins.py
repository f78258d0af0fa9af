"""What attacks climb on combined estimators: as strong as what is known against their parts."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsOneClassifier, OutputCodeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn_cases import digits, fitted
from torch import Tensor

from adapters.compiled import SklearnAdapter
from adapters.rounding import margin_against

SUITE = ("training", "margin")


def sure(loss: str = "log_loss") -> SGDClassifier:
    return SGDClassifier(loss=loss, random_state=0, max_iter=20, tol=None)


def logistic() -> LogisticRegression:
    return LogisticRegression(C=0.1, max_iter=60)


SATURATED: dict[str, Callable[[], Any]] = {
    "bagging, log loss": lambda: BaggingClassifier(sure(), random_state=0),
    "bagging, modified Huber": lambda: BaggingClassifier(sure("modified_huber"), random_state=0),
    "soft vote": lambda: VotingClassifier([("s", sure()), ("g", GaussianNB(var_smoothing=0.01))], voting="soft"),
    "hard vote": lambda: VotingClassifier([("s", sure()), ("v", LinearSVC()), ("r", RidgeClassifier())]),
}
"""Whose parts' shares are as good as 0 and 1: where they disagree, the mean share is flat."""


@cache
def attacked() -> tuple[Tensor, Tensor]:
    _, _, x, y = digits()
    return torch.tensor(x), torch.tensor(y)


def errors(model: SklearnAdapter, loss: Callable[[Tensor], Tensor], eps: float = 0.15) -> Tensor:
    """`(N,)` whether FGSM by a loss makes each example wrong."""
    x, y = attacked()
    point = x.double().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(point).sum(), point)
    return model.predict((x + eps * gradient.sign().float()).clamp(0, 1)) != y


def pointwise(model: SklearnAdapter) -> Tensor:
    _, y = attacked()
    return torch.stack([errors(model, lambda x, kind=kind: model.loss(x, y, kind)) for kind in SUITE]).any(0)


@cache
def made(name: str) -> SklearnAdapter:
    return fitted(SATURATED[name](), *digits()[:2])


@pytest.mark.parametrize("name", SATURATED)
def test_logits_of_saturated_parts_attack_as_their_sum_does(name: str) -> None:
    model, (_, y) = made(name), attacked()
    parts = model.parts  # type: ignore[attr-defined]
    summed = errors(model, lambda x: margin_against(sum(part.logits(x).log_softmax(1) for part in parts), y))
    flat = errors(model, lambda x: margin_against(model._log_shares(x), y))  # type: ignore[attr-defined]
    ours = errors(model, lambda x: margin_against(model.logits(x), y))
    assert ours.double().mean() >= summed.double().mean()
    assert pointwise(model).double().mean() >= max(summed.double().mean(), flat.double().mean())
    if name.startswith("bagging"):
        assert ours.double().mean() > flat.double().mean() + 0.1


@pytest.mark.parametrize(
    "estimator",
    [
        BaggingClassifier(DecisionTreeClassifier(random_state=0), n_estimators=8, random_state=0),
        BaggingClassifier(SVC(), n_estimators=3, random_state=0),
        OneVsOneClassifier(LinearSVC()),
        OutputCodeClassifier(DecisionTreeClassifier(random_state=0), code_size=2, random_state=0),
        StackingClassifier([("s", sure()), ("g", GaussianNB(var_smoothing=0.01))], logistic(), cv=2),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_training_loss_and_margin_are_two_directions(estimator: Any) -> None:
    """Pointwise they find more than either alone, which is why suites climb both."""
    model, (_, y) = fitted(estimator, *digits()[:2]), attacked()
    alone = [errors(model, lambda x, kind=kind: model.loss(x, y, kind), 0.1) for kind in SUITE]
    both = torch.stack(alone).any(0).sum()
    assert both > max(int(each.sum()) for each in alone)


def test_a_part_that_knows_fewer_classes_speaks_of_those() -> None:
    x, y, _, _ = digits()
    part = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.5)
    model = fitted(BaggingClassifier(part, n_estimators=4, max_samples=25, random_state=0), x, y)
    assert any(len(part.classes) < 10 for part in model.parts)  # type: ignore[attr-defined]
    batch, truth = attacked()
    for kind in SUITE:
        gradient = model.input_gradient(batch, truth, kind)
        assert gradient.isfinite().all()
        assert (gradient.abs().amax(1) > 0).double().mean() > 0.9


def test_an_svc_of_many_classes_keeps_a_table_of_its_vectors_alone() -> None:
    """K (K - 1) / 2 rows of S would be 60 times the table here; labels and gradients are those of the pairs."""
    rng = np.random.default_rng(0)
    centres, y = rng.standard_normal((60, 12)), np.repeat(np.arange(60), 5)
    x = centres[y] + 0.4 * rng.standard_normal((300, 12))
    model = fitted(SVC(), x, y)
    batch = torch.tensor(x + 0.3 * rng.standard_normal(x.shape))
    np.testing.assert_array_equal(model.predict(batch), model.estimator.predict(batch.numpy()))
    vectors = len(model.estimator.support_vectors_)
    assert max(tensor.numel() for tensor in model._constants.values()) <= vectors * 60
    estimator = model.estimator
    estimator.decision_function_shape = "ovo"
    own = estimator.decision_function(batch.numpy())
    first, second = np.triu_indices(60, 1)
    ours = model._decisions(batch)  # type: ignore[attr-defined]
    np.testing.assert_allclose(ours[:, first, second], own, atol=1e-9)
    np.testing.assert_allclose(ours[:, second, first], -own, atol=1e-9)
