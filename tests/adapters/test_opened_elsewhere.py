"""What decides a model's labels, told by another process: the same, and checked before it is believed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from opened import LINEAR, SHAPE, TEN, fitted, logistic
from sklearn.naive_bayes import GaussianNB
from torch import Tensor

from adapters.answering import Answering
from adapters.base import Adapter
from adapters.errors import InvalidOutput
from adapters.fitting import fit
from adapters.remote import Remote, Reply
from adapters.structures import GaussianNB as GaussianNBStructure
from adapters.structures import Linear, Structure, wire


class Loopback:
    """The channel to a model next door, which may tell what it likes of its structure."""

    def __init__(self, adapter: Adapter, reply: Reply | None = None) -> None:
        self.answering, self.reply = Answering(adapter), reply

    def ask(self, question: str, tensors: Any, options: Any) -> Reply:
        if question == "structure" and self.reply is not None:
            return self.reply
        return self.answering.answer(question, dict(tensors), options)


def same(one: Structure, other: Structure) -> None:
    assert type(one) is type(other)
    for name, value in vars(one).items():
        there = getattr(other, name)
        assert torch.equal(value, there) if isinstance(value, Tensor) else value == there


@pytest.mark.parametrize("make", [logistic, GaussianNB, LINEAR["columns"], LINEAR["centroid"]])
def test_the_same_from_a_process_of_its_own(
    make: Callable[[], Any], digits_train: tuple[np.ndarray, np.ndarray]
) -> None:
    """With some of the classes, in another order."""
    x, y = digits_train
    known = np.isin(y, [7, 2, 5, 4])
    model = fitted(
        make, (x[known], np.array(["seven", "two", "five", "four"])[np.searchsorted([2, 4, 5, 7], y[known])])
    )
    here = fit(model, SHAPE, ("nine", "two", "seven", "four", "five"))
    structure = here.structure(SHAPE)
    assert sorted(structure.classes) == [1, 2, 3, 4]
    same(structure, Remote(Loopback(here)).structure(SHAPE))


def told() -> tuple[dict[str, Tensor], dict[str, Any]]:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(10, 64, generator=generator).double()
    return wire.packed(Linear.computed(range(10), weight, weight[:, 0].clone(), torch.float64))


def retold(field: str, value: Any) -> Reply:
    """The structure with something else in a field: a tensor, or what is told in plain."""
    tensors, plain = told()
    fields = dict(plain["fields"]["fields"])
    if isinstance(value, Tensor):
        tensors[fields[field]["tensor"]] = value
    else:
        fields[field] = value
    return Reply(tensors, {**plain, "fields": {"of": "Linear", "fields": fields}})


deep: Any = {}
deep["of"], deep["fields"] = "Linear", deep

FEW = Linear.computed((0, 1), torch.ones(2, 5).double(), torch.ones(2).double(), torch.float64)
HOSTILE = {
    "nothing": Reply({}, {}),
    "no such kind": Reply({}, {"kind": "x" * 10_000 + "\n"}),
    "a kind that is none": Reply({}, {"kind": ["linear"], "fields": None}),
    "no fields": Reply({}, {"kind": "linear", "fields": [1, 2]}),
    "in a circle": Reply({}, {"kind": "linear", "fields": deep}),
    "no tensors": Reply({}, told()[1]),
    "another shape": retold("weight", torch.zeros(10, 63).double()),
    "other features everywhere": Reply(*wire.packed(FEW)),
    "one row too few": retold("bias", torch.zeros(9).double()),
    "a vector for a matrix": retold("weight", torch.zeros(10).double()),
    "no dimension": retold("weight", torch.tensor(1.0).double()),
    "whole numbers": retold("weight", torch.zeros(10, 64, dtype=torch.int64)),
    "float32": retold("bias", torch.zeros(10)),
    "NaN": retold("bias", torch.full((10,), math.nan).double()),
    "infinity": retold("weight", torch.full((10, 64), math.inf).double()),
    "a bound below zero": retold("rest", torch.full((10,), -1.0).double()),
    "a number that is NaN": retold("square", math.nan),
    "a number that is negative": retold("square", -1.0),
    "a text for a number": retold("square", "0.0"),
    "a class twice": retold("classes", [0] * 10),
    "a huge class": retold("classes", [*range(9), 10**30]),
    "a negative class": retold("classes", [*range(9), -1]),
    "too few classes": retold("classes", [0, 1]),
    "no classes": retold("classes", []),
    "classes without end": retold("classes", [0] * 1_000_000),
    "classes that are true": retold("classes", [True, False]),
    "a number for a tensor": retold("weight", 3.0),
    "a tensor of no name": retold("weight", {"tensor": "t99"}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_stranger_tells_is_refused_in_one_line(name: str, digits_train: tuple[np.ndarray, np.ndarray]) -> None:
    here = fit(fitted(logistic, digits_train), SHAPE, TEN)
    with pytest.raises(InvalidOutput, match="the model's process tells of a") as found:
        Remote(Loopback(here, HOSTILE[name])).structure(SHAPE)
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < 400


def test_naive_bayes_of_a_stranger_is_checked_too() -> None:
    ones, zero = torch.ones(2, 3).double(), torch.zeros(2).double()
    structure = GaussianNBStructure((0, 1), ones, ones, zero, zero, 1e-9)
    tensors, plain = wire.packed(structure)
    same(structure, wire.unpacked(tensors, plain))
    for name, value in (("t1", -ones), ("t1", torch.zeros(2, 3).double()), ("t0", ones[:, :2]), ("t3", zero - 1)):
        with pytest.raises(InvalidOutput, match="gaussian-nb that makes no sense"):
            wire.unpacked({**tensors, name: value}, plain)
