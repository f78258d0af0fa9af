"""Model files are data: nothing in them runs, and nothing in them is believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
import torch
from safetensors.torch import save_file

from bench.zoo.cards import CardError
from bench.zoo.cookbook import recipe
from bench.zoo.files import file_sha256, read_model, write_model
from bench.zoo.kinds import kind_class


def read(path: Path, name: str) -> Any:
    """The digits model in a file whose bytes are not in doubt."""
    return read_model(path, file_sha256(path), recipe("digits", name), features=64, classes=10)


class Foreign:
    """A type that no model needs."""

    def __init__(self) -> None:
        self.payload = 1


def test_a_foreign_type_is_refused(tmp_path: Path, digits_svc: Any) -> None:
    path = tmp_path / "rbf-svm.skops"
    digits_svc_with_passenger = digits_svc.__class__(gamma=1.0).fit(digits_svc.support_vectors_, _labels(digits_svc))
    digits_svc_with_passenger.passenger = Foreign()
    skops.io.dump(digits_svc_with_passenger, path)
    with pytest.raises(CardError, match=r"types that are not allowed .*Foreign"):
        read(path, "rbf-svm")


def _labels(svc: Any) -> np.ndarray:
    """Labels of the support vectors, which stand in class order."""
    return np.repeat(svc.classes_, svc.n_support_)


def test_another_estimator_is_refused(tmp_path: Path, digits_svc: Any) -> None:
    write_model(digits_svc, tmp_path / "knn.skops")
    with pytest.raises(CardError, match="holds a SVC, not a knn"):
        read(tmp_path / "knn.skops", "knn")


def test_what_is_no_skops_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "knn.skops"
    path.write_bytes(b"\x80\x04\x95 a pickle, perhaps")
    with pytest.raises(CardError, match=r"knn\.skops is not a model file"):
        read(path, "knn")


@pytest.mark.parametrize("name", ["decision-tree", "random-forest"])
@pytest.mark.parametrize(
    ("field", "value"), [("left_child", 10**6), ("right_child", 0), ("left_child", -7), ("feature", 64)]
)
def test_a_tree_that_leads_astray_is_refused(
    tmp_path: Path, digits_train: tuple[np.ndarray, np.ndarray], name: str, field: str, value: int
) -> None:
    """scikit-learn follows these numbers without looking: out of range they read foreign memory, in circles forever."""
    options = {"n_estimators": 2} if name == "random-forest" else {}
    model = kind_class(name)(max_leaf_nodes=8, random_state=0, **options).fit(*digits_train)
    write_model(model, tmp_path / f"{name}.skops")
    assert type(read(tmp_path / f"{name}.skops", name)) is type(model)
    tree = (model.estimators_[-1] if name == "random-forest" else model).tree_
    state = tree.__getstate__()
    state["nodes"][field][0] = value
    tree.__setstate__(state)
    write_model(model, tmp_path / f"{name}.skops")
    with pytest.raises(CardError, match="nodes do not form one"):
        read(tmp_path / f"{name}.skops", name)


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"linear.weight": torch.zeros(10, 64)},
        {"linear.weight": torch.zeros(10, 63), "linear.bias": torch.zeros(10)},
        {"linear.weight": torch.zeros(10, 64), "linear.bias": torch.zeros(10), "more": torch.zeros(1)},
    ],
    ids=["empty", "missing", "shape", "extra"],
)
def test_weights_of_another_network_are_refused(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "softmax-regression.safetensors"
    save_file(tensors, path)
    with pytest.raises(CardError, match="does not hold the weights of a softmax-regression"):
        read(path, "softmax-regression")


def test_what_is_no_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "maxout.safetensors"
    path.write_bytes(b"not tensors")
    with pytest.raises(CardError, match="does not hold the weights of a maxout"):
        read(path, "maxout")


def test_other_bytes_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "knn.skops"
    path.write_bytes(b"anything")
    with pytest.raises(CardError, match="fails its checksum"):
        read_model(path, "0" * 64, recipe("digits", "knn"), 64, 10)


def test_reading_weights_draws_no_random_numbers(tmp_path: Path) -> None:
    entry = recipe("digits", "maxout")
    net = kind_class("maxout")(64, 10, **entry.parameters)
    write_model(net, tmp_path / "maxout.safetensors")
    before = torch.random.get_rng_state()
    again = read(tmp_path / "maxout.safetensors", "maxout")
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), again.parameters(), strict=True))
