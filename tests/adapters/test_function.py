"""Any predict function: labels only, and never trusted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import adapters
from adapters.errors import InvalidOutput

X = torch.rand(4, 1, 2, 2, generator=torch.Generator().manual_seed(0))


def saying(*answer: Any, **more: Any) -> Any:
    return adapters.black_box(lambda x: np.array(answer), version="1", **more)


def test_it_gets_the_datasets_arrays_and_gives_labels_alone() -> None:
    seen: list[np.ndarray] = []

    def predict(x: np.ndarray) -> list[int]:
        seen.append(x)
        return [0, 1, 2, 3]

    outputs = adapters.black_box(predict, version="1").outputs(X)
    assert outputs.labels.tolist() == [0, 1, 2, 3]
    assert outputs.labels.dtype == torch.int64
    assert (outputs.scores, outputs.probabilities) == (None, None)
    assert np.array_equal(seen[0], X.numpy())
    assert seen[0].dtype == np.float32


def test_its_own_input_shape() -> None:
    adapter = adapters.black_box(lambda x: x.reshape(4, -1).shape[1] * np.ones(len(x)), version="1", input_shape=(4,))
    assert adapter.predict(X).tolist() == [4, 4, 4, 4]


def test_it_cannot_write_into_the_batch() -> None:
    def greedy(x: np.ndarray) -> np.ndarray:
        x[:] = 0
        return np.zeros(len(x))

    before = X.clone()
    adapters.black_box(greedy, version="1").predict(X)
    assert torch.equal(X, before)


@pytest.mark.parametrize(
    ("answer", "labels"),
    [((0, 1, 2, -1), [0, 1, 2, -1]), ((0.0, 1.0, 2.0, 3.0), [0, 1, 2, 3]), ((np.uint8(3),) * 4, [3] * 4)],
)
def test_class_indices(answer: tuple[Any, ...], labels: list[int]) -> None:
    assert saying(*answer).predict(X).tolist() == labels


@pytest.mark.parametrize(
    ("classes", "answer", "labels"),
    [
        (["cat", "dog"], ("dog", "cat", "cat", "dog"), [1, 0, 0, 1]),
        (["cat", "dog"], ("dog", None, "cat", None), [1, -1, 0, -1]),
        ([5, 7, 9], (7, 9, -1, 5), [1, 2, -1, 0]),
        ([-1, 1], (-1, 1, 1, -1), [0, 1, 1, 0]),  # where -1 is a class, it is no abstention
    ],
)
def test_labels_of_its_own(classes: list[Any], answer: tuple[Any, ...], labels: list[int]) -> None:
    assert saying(*answer, classes=classes).predict(X).tolist() == labels


@pytest.mark.parametrize(
    ("answer", "more", "says"),
    [
        ((0, 1, 2), {}, r"shape \(3,\) for 4 examples"),
        (([0, 1],) * 4, {}, r"shape \(4, 2\)"),
        ((0.0, np.nan, 1.0, np.inf), {}, r"NaN or infinity for examples \[1, 3\]"),
        ((0.5, 1.0, 2.0, 3.0), {}, "no class indices; tell its labels with classes="),
        (("a", "b", "c", "d"), {}, "no class indices"),
        (("a", "b", "a", "x"), {"classes": ["a", "b"]}, "'x', which is none of its classes"),
    ],
)
def test_what_is_no_batch_of_labels_is_refused(answer: tuple[Any, ...], more: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidOutput, match=says):
        saying(*answer, **more).predict(X)


def first(x: np.ndarray) -> np.ndarray:
    return np.zeros(len(x))


def second(x: np.ndarray) -> np.ndarray:
    return np.ones(len(x))


def test_the_version_is_the_fingerprint() -> None:
    def named(function: Any, version: str | None) -> str:
        return adapters.black_box(function, version=version).fingerprint

    assert named(first, "1") == named(first, "1")
    assert len({named(first, "1"), named(first, "2"), named(second, "1")}) == 3


def test_without_a_version_nothing_is_ever_the_same() -> None:
    one, other = (adapters.black_box(first) for _ in range(2))
    assert one.fingerprint == one.fingerprint
    assert one.fingerprint != other.fingerprint
    assert one.notes == ["no-version"]
    assert adapters.black_box(first, version="1").notes == []


def test_what_it_says_of_itself() -> None:
    adapter = adapters.black_box(first, version="1", stochastic=True)
    assert (adapter.gradient, adapter.confidence_kind, adapter.stochastic) == ("none", None, True)


def test_its_identity_is_its_name_and_version() -> None:
    """Two functions of one qualified name, as lambdas are, must not share results."""
    three, nine = (adapters.black_box(lambda x, k=k: np.full(len(x), k), version="1") for k in (3, 9))
    assert three.called("three").fingerprint != nine.called("nine").fingerprint
    again = adapters.black_box(lambda x: np.full(len(x), 3), version="2").called("three")
    assert again.fingerprint != three.fingerprint


def test_an_estimators_predict_gets_the_inputs_that_it_was_fitted_on() -> None:
    from sklearn.neighbors import NearestCentroid

    x = np.random.default_rng(0).random((20, 4)).astype(np.float32)
    estimator = NearestCentroid().fit(x, np.arange(20) % 3)
    adapter = adapters.black_box(estimator.predict, version="1")
    assert adapter.predict(torch.from_numpy(x.reshape(20, 1, 2, 2))).tolist() == estimator.predict(x).tolist()
