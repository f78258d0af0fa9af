"""A model's structure is what it labels by, here and from its own process; that one sends plain parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.svm import LinearSVC
from test_remote import Loopback

import adapters
from adapters import InvalidOutput, Unsupported
from adapters.aligned import align
from adapters.remote import Remote
from adapters.structures.wire import packed, unpacked

RNG = np.random.default_rng(0)
X = RNG.random((90, 12)).astype(np.float32)
SEEN = torch.from_numpy(X)
LINEAR = [LogisticRegression(), LinearSVC(), RidgeClassifier(), SGDClassifier(), Perceptron()]


def fitted(estimator: Any, classes: int = 4, dtype: Any = np.float64) -> adapters.Adapter:
    return adapters.wrap(type(estimator)().fit(X.astype(dtype), np.arange(len(X)) % classes))


def agrees(model: adapters.Adapter) -> None:
    """It gives the model's labels wherever rounding leaves them no choice."""
    told = model.structure((12,))
    scores = told.scores(SEEN)
    top = scores.topk(2, dim=1)
    clear = top.values[:, 0] - top.values[:, 1] > told.roundoff(SEEN)
    assert clear.float().mean() > 0.9
    assert torch.equal(torch.tensor(told.classes)[top.indices[:, 0]][clear], model.predict(SEEN)[clear])


@pytest.mark.parametrize("estimator", LINEAR, ids=lambda estimator: type(estimator).__name__)
@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_labels_as_the_model_does(estimator: Any, classes: int, dtype: Any) -> None:
    model = fitted(estimator, classes, dtype)
    agrees(model)
    agrees(align(model, [str(k) for k in range(5)]))
    agrees(Remote(Loopback(model)))
    agrees(adapters.wrap(type(estimator)().fit((255 * X).astype(dtype), np.arange(len(X)) % classes), scale=255))


def test_what_comes_from_another_process_is_the_same() -> None:
    model = fitted(LogisticRegression())
    here, there = model.structure((12,)), Remote(Loopback(model)).structure((12,))
    assert type(here) is type(there)
    for name, value in vars(here).items():
        other = getattr(there, name)
        assert torch.equal(value, other) if isinstance(value, torch.Tensor) else value == other


def test_a_model_elsewhere_that_cannot_be_opened_says_so() -> None:
    closed = adapters.black_box(lambda x: np.zeros(len(x), dtype=int), version="1")
    with pytest.raises(Unsupported, match="nothing is known to be proved"):
        Remote(Loopback(closed)).structure((12,))


TENSORS, PLAIN = packed(fitted(LogisticRegression()).structure((12,)))
NAN = {name: torch.full_like(value, torch.nan) for name, value in TENSORS.items()}


def changed(**fields: Any) -> dict[str, Any]:
    inside = {**PLAIN["fields"]["fields"], **fields}
    return {**PLAIN, "fields": {**PLAIN["fields"], "fields": inside}}


@pytest.mark.parametrize(
    ("tensors", "plain"),
    [
        (TENSORS, {}),
        (TENSORS, {**PLAIN, "kind": "os.system"}),
        (TENSORS, {**PLAIN, "kind": ["linear"]}),
        (TENSORS, {**PLAIN, "fields": None}),
        (TENSORS, {**PLAIN, "fields": {"fields": {}}}),
        (TENSORS, changed(classes="0123")),
        (TENSORS, changed(classes=[0, 1, "2", 3])),
        (TENSORS, changed(classes=[[0], 1, 2, 3])),
        (TENSORS, changed(square=1)),
        (TENSORS, changed(weight=3.0)),
        (TENSORS, changed(weight={"tensor": "t99"})),
        (TENSORS, changed(more=1)),
        ({}, PLAIN),
        (NAN, PLAIN),
    ],
)
def test_what_makes_no_sense_is_one_line(tensors: Any, plain: Any) -> None:
    with pytest.raises(InvalidOutput, match="the model's process tells of a") as raised:
        unpacked(tensors, plain)
    assert "\n" not in str(raised.value)
