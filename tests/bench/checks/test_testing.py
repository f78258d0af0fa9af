"""The checks: a model that goes wrong in one way fails that check alone, and sound ones pass all."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from checking import statuses
from faulty_models import (
    Absent,
    Cancelling,
    Conforming,
    Drawing,
    Estranged,
    Forger,
    Fragile,
    Misleading,
    Modest,
    Pair,
    Passing,
    Saturated,
    Shy,
    Sociable,
    Sound,
    Swallowing,
    Wide,
    Writing,
    in_training,
    misnamed,
)
from known_models import Broken, MaskedGradient, Shattered, Squashed, nearest_mean
from torch import Tensor, nn

import adapters
from bench import UsageError, zoo
from bench.checks import CHECKS
from bench.datasets import Dataset, open_dataset
from bench.testing import check_adapter

Make = Callable[[nn.Module], Any]

FAILING: dict[str, list[Make]] = {
    "outputs": [Absent, lambda net: Broken(net, "nan").eval(), lambda net: Broken(net, "raises").eval()],
    "repetition": [Drawing],
    "inputs": [Writing],
    "evaluation mode": [in_training],
    "batches": [Sociable],
    "argmax": [Shy],
    "probabilities": [Modest],
    "own labels": [Forger],
    "asked again": [Conforming],
    "classes": [misnamed],
    "bounds": [lambda net: adapters.wrap(net, bounds=(0.0, 0.5))],
    "missing values": [Swallowing],
    "types": [Wide],
    "logits": [
        lambda net: adapters.wrap(Squashed(net).eval(), outputs="logits"),
        lambda net: adapters.ensemble([adapters.wrap(Squashed(net).eval(), outputs="logits"), adapters.wrap(net)]),
    ],
    "leading logits": [Estranged],
    "gradient": [Misleading],
    "precision": [Cancelling],
    "zero gradient": [Saturated],
}
"""Check -> models that fail it and no other."""
ALSO = {"batches": {"asked again"}}
"""Check -> those that the same fault fails as well."""

WARNED: dict[str, list[Make]] = {
    "evaluation mode": [lambda net: copy.deepcopy(net).train()],
    "missing values": [lambda net: adapters.black_box(lambda x: _labels(net, np.nan_to_num(x)), version="1")],
    "number of classes": [],
    "8 bits": [Fragile],
    "direction": [lambda net: Shattered(net).eval()],
    "unbounded": [lambda net: MaskedGradient(net).eval()],
    "iterates": [Passing],
}
"""Check -> models that it warns of; that of two classes needs examples of its own."""


def _labels(net: nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return net(torch.from_numpy(x)).argmax(1).numpy()


def cases(table: dict[str, list[Make]]) -> list[Any]:
    return [pytest.param(name, make, id=f"{name} {n}") for name, makes in table.items() for n, make in enumerate(makes)]


@pytest.fixture(scope="module")
def pixels(examples: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The same, on the grid of 8-bit images."""
    return (255 * examples[0]).round() / 255, examples[1]


@pytest.fixture(scope="module")
def two(examples: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Those of the first two classes."""
    x, y = examples
    return x[y < 2], y[y < 2]


# -- what goes wrong --------------------------------------------------------------------------------------------------


def test_every_check_has_a_model_that_does_not_pass_it() -> None:
    assert {check.name for check in CHECKS} == FAILING.keys() | WARNED.keys()


@pytest.mark.parametrize(("name", "make"), cases(FAILING))
def test_a_fault_fails_one_check_alone(
    name: str, make: Make, digits_net: nn.Module, examples: tuple[Tensor, Tensor]
) -> None:
    report = check_adapter(make(digits_net), *examples)
    assert statuses(report, "fail") == {name} | ALSO.get(name, set()), str(report)
    assert not report
    wrong = report.failures[0]
    assert wrong.seen
    assert wrong.remedy
    with pytest.raises(AssertionError, match=f"{name} *\\| fail"):
        report.raise_if_failed()


@pytest.mark.parametrize(("name", "make"), cases(WARNED))
def test_what_is_no_fault_but_must_be_known_is_a_warning(
    name: str, make: Make, digits_net: nn.Module, pixels: tuple[Tensor, Tensor]
) -> None:
    report = check_adapter(make(digits_net), *pixels)
    assert name in statuses(report, "warn"), str(report)
    assert name not in statuses(check_adapter(digits_net, *pixels), "warn", "fail", "skipped")


def test_two_classes_are_a_warning(digits_net: nn.Module, two: tuple[Tensor, Tensor]) -> None:
    report = check_adapter(Pair(digits_net).eval(), *two)
    assert statuses(report, "warn") == {"number of classes"}
    assert report.ok


def test_a_dataset_of_more_classes_changes_nothing(digits_net: nn.Module, examples: tuple[Tensor, Tensor]) -> None:
    """Seen through the dataset's classes: the absent ones hide neither the number of the others nor what they are."""
    from adapters.aligned import align

    names = [str(k) for k in range(10)]
    for net, wrong in ((Pair(digits_net), set()), (Squashed(Pair(digits_net)), {"logits"})):
        report = check_adapter(align(adapters.wrap(net.eval(), classes=["0", "1"], outputs="logits"), names), *examples)
        assert statuses(report, "fail") == wrong, str(report)
        assert "number of classes" in statuses(report, "warn")


def test_a_sigmoid_taken_for_a_logit(digits_net: nn.Module, two: tuple[Tensor, Tensor]) -> None:
    """Its label is always class 1, too: the sigmoid is never negative."""
    report = check_adapter(adapters.wrap(Pair(digits_net, squashed=True).eval(), outputs="logits"), *two)
    assert statuses(report, "fail") == {"logits", "classes"}
    right = adapters.wrap(Pair(digits_net, squashed=True).eval(), outputs="probabilities")
    assert "logits" not in statuses(check_adapter(right, *two), "fail")


def test_an_estimator_whose_tensors_are_not_its_own(digits_svc: Any, examples: tuple[Tensor, Tensor]) -> None:
    model = adapters.wrap(digits_svc)
    model._constants["bias"] = model._constants["bias"] + 0.3
    assert statuses(check_adapter(model, *examples), "fail") == {"own labels"}


def test_always_the_commonest_class_is_no_right_order_of_classes() -> None:
    """As on boards: of seven in ten examples it is right, and knows nothing of any."""
    y = torch.tensor([1, 0, 0, 1, 0, 0, 0, 0, 1, 0] * 10)
    x = torch.rand(100, 4, generator=torch.Generator().manual_seed(0))
    x[:, 0] = y
    for predict, wrong in ((lambda x: np.zeros(len(x), int), {"classes"}), (lambda x: x[:, 0].astype(int), set())):
        report = check_adapter(adapters.black_box(predict, version="1"), x, y, classes=2)
        assert statuses(report, "fail") == wrong, str(report)


# -- what is sound ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["softmax-regression", "maxout", "rbf-network"])
def test_the_reference_nets_pass(name: str) -> None:
    mnist = open_dataset("mnist")
    x, y = mnist.examples("test", slice(0, 60)), mnist.labels("test")[:60]
    report = check_adapter(zoo.load("mnist", name), x, y)
    assert statuses(report, "warn", "fail") == set()
    assert statuses(report, "skipped") == {"own labels", "bounds"}


def test_sound_models_pass(digits_net: nn.Module, digits_svc: Any, examples: tuple[Tensor, Tensor]) -> None:
    for model in (Sound(digits_net), digits_net, digits_svc, adapters.ensemble([digits_net, digits_net])):
        assert check_adapter(model, *examples)


def test_a_black_box_is_asked_for_labels_alone(digits: Dataset, examples: tuple[Tensor, Tensor]) -> None:
    x, y = digits.examples("train", slice(None)).reshape(-1, 64), digits.labels("train")
    report = check_adapter(adapters.black_box(nearest_mean(x, y, abstain_above=9.0), version="1"), *examples)
    assert report.ok
    assert {"argmax", "probabilities", "gradient", "unbounded"} <= statuses(report, "skipped")


# -- how it is used ---------------------------------------------------------------------------------------------------


def test_arrays_and_the_models_own_labels(digits_train: tuple[np.ndarray, np.ndarray]) -> None:
    from sklearn.linear_model import LogisticRegression

    x, y = digits_train
    words = np.array(["even", "odd", "far"])[np.minimum(y % 2 + (y > 6), 2)]
    model = LogisticRegression(max_iter=50).fit(x, words)
    by_words = check_adapter(model, x[:80], words[:80])
    assert by_words.ok
    indices = np.searchsorted(model.classes_, words[:80])
    assert check_adapter(model, x[:80].astype(np.float64), indices).verdicts == by_words.verdicts


def test_the_same_every_time_and_nothing_drawn(digits_net: nn.Module, examples: tuple[Tensor, Tensor]) -> None:
    before = torch.get_rng_state()
    first = check_adapter(digits_net, *examples)
    assert torch.equal(before, torch.get_rng_state())
    assert check_adapter(digits_net, *examples) == first


def test_the_report_in_one_line_and_as_a_table(digits_net: nn.Module, examples: tuple[Tensor, Tensor]) -> None:
    report = check_adapter(Shy(digits_net), *examples)
    assert repr(report).startswith("<1 failed, ")
    assert "argmax: for 100 of 100 examples" in repr(report)
    assert "\n" not in repr(report)
    assert "family stranger's, gradient exact, confidence softmax, n=100" in str(report)
    assert "- argmax: give scores whose" in str(report)
    assert "- argmax" not in str(check_adapter(digits_net, *examples))
    assert report.as_dict()["ok"] is False


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        (np.zeros((3, 64)), [0, 1], "2 labels for inputs of shape"),
        (np.zeros((0, 64)), np.zeros(0, int), "0 labels"),
        (np.full((2, 64), np.nan), [0, 1], "NaN"),
        (np.zeros((2, 64)), ["a", "b"], "class indices"),
        (np.zeros((2, 64)), [0.5, 1.0], "class indices"),
    ],
)
def test_what_are_no_examples_is_refused(x: Any, y: Any, says: str, digits_net: nn.Module) -> None:
    with pytest.raises(UsageError, match=says):
        check_adapter(digits_net, x, y)
