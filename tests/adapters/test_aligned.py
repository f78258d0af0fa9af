"""A model seen through a dataset's classes: labels, probabilities and gradients stay right."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from known_models import constant
from torch import nn

import adapters
from adapters.aligned import Aligned, align
from adapters.base import Adapter
from adapters.errors import ShapeMismatch

DIGITS = tuple("0123456789")
CLOTHES = ("shirt", "shoe", "hat")
X = torch.rand(30, 6, generator=torch.Generator().manual_seed(0)) - 0.5


def net(classes: Any, seed: int = 0) -> Adapter:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return adapters.wrap(nn.Linear(6, len(classes)).double().eval(), classes=classes)


CASES = [
    (["hat", "shirt", "shoe"], CLOTHES, [2, 0, 1]),
    ([2, 0, 1], CLOTHES, [2, 0, 1]),  # numbers of classes that have other names
    ([5, 6, 7, 8, 9], DIGITS, [5, 6, 7, 8, 9]),
    (["9", "3"], DIGITS, [9, 3]),
    ([9.0, 3.0], DIGITS, [9, 3]),
    (list(reversed(range(10))), DIGITS, list(reversed(range(10)))),
    ([True, False], ("no", "yes", "maybe"), [1, 0]),
]


@pytest.mark.parametrize(("own", "names", "positions"), CASES, ids=lambda value: str(value))
def test_outputs_are_laid_out_over_the_datasets_classes(own: Any, names: Any, positions: list[int]) -> None:
    inner, x = net(own), X.double()
    aligned = align(inner, names)
    before, after = inner.outputs(x), aligned.outputs(x)
    absent = [k for k in range(len(names)) if k not in positions]
    assert after.labels.tolist() == [positions[k] for k in before.labels.tolist()]
    assert torch.equal(after.scores[:, positions], before.scores)
    assert torch.equal(after.probabilities[:, positions], before.probabilities)
    assert (after.scores[:, absent] == -torch.inf).all()
    assert (after.probabilities[:, absent] == 0).all()
    assert torch.equal(after.scores.argmax(1), after.labels)
    assert torch.allclose(after.probabilities.sum(1), torch.ones(30, dtype=torch.float64))


@pytest.mark.parametrize(("own", "names", "positions"), CASES, ids=str)
@pytest.mark.parametrize("loss", ["training", "cross_entropy", "margin"])
def test_gradients_are_those_of_the_model(own: Any, names: Any, positions: list[int], loss: Any) -> None:
    inner, x = net(own), X.double()
    inside = torch.arange(30) % len(own)
    expected = inner.input_gradient(x, inside, loss)
    found = align(inner, names).input_gradient(x, torch.tensor(positions)[inside], loss)
    assert torch.allclose(found, expected, atol=1e-9)
    assert expected.abs().sum() > 0


@pytest.mark.parametrize("loss", ["training", "cross_entropy", "margin"])
def test_examples_of_a_class_that_the_model_does_not_know_have_finite_gradients(loss: Any) -> None:
    aligned = align(net([5, 6, 7, 8, 9]), DIGITS)
    y = torch.arange(30) % 10
    gradient = aligned.input_gradient(X.double(), y, loss)
    assert gradient.isfinite().all()
    inside = y >= 5
    known = aligned.input_gradient(X.double()[inside], y[inside], loss)
    assert torch.allclose(gradient[inside], known, atol=1e-9)


@pytest.mark.parametrize("classes", [None, DIGITS, list(range(10)), [float(k) for k in range(10)]])
def test_a_model_of_the_same_classes_is_left_as_it_is(classes: Any) -> None:
    inner = adapters.wrap(nn.Linear(6, 10).eval(), classes=classes)
    assert align(inner, DIGITS) is inner


@pytest.mark.parametrize(
    ("own", "says"),
    [
        (["0", "ten"], "class 'ten' is no class of the dataset"),
        ([0, 10], "class 10 is no class"),
        ([0, -1], "class -1 is no class"),
        ([0, 1.5], "class 1.5 is no class"),
        (["1", 1], "two of the model's classes .* are one class"),
    ],
)
def test_classes_that_are_not_the_datasets(own: Any, says: str) -> None:
    with pytest.raises(ShapeMismatch, match=says):
        align(net(own), DIGITS)


def test_abstentions_stay() -> None:
    mute = adapters.black_box(constant(-1), version="1", classes=["shoe", "hat"])
    assert align(mute, CLOTHES).predict(X).tolist() == [-1] * 30


def test_labels_only_models_are_aligned_too() -> None:
    mute = adapters.black_box(lambda x: ["hat"] * len(x), version="1", classes=["shoe", "hat"])
    aligned = align(mute, CLOTHES)
    assert aligned.predict(X).tolist() == [2] * 30
    assert aligned.outputs(X).scores is None
    assert aligned.gradient == "none"


def test_what_is_said_of_the_model_stays() -> None:
    inner = net(["hat", "shoe"])
    inner.notes.append("train-mode")
    aligned = align(inner, CLOTHES)
    assert isinstance(aligned, Aligned)
    assert (aligned.family, aligned.gradient, aligned.confidence_kind) == ("network", "exact", "softmax")
    assert aligned.notes == ["train-mode"]
    assert Adapter.__dict__.get("family") is None  # its family is its own, not everybody's


def test_the_order_of_classes_is_part_of_the_identity() -> None:
    one, other = align(net(["hat", "shoe"]), CLOTHES), align(net(["shoe", "hat"]), CLOTHES)
    assert one.fingerprint != other.fingerprint
    assert one.fingerprint == align(net(["hat", "shoe"]), CLOTHES).fingerprint
