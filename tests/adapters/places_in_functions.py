"""Places in functions that a network calls."""

from __future__ import annotations

import functools
import operator
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from places import PLACES, Shifted, calls, number_of
from places_in_objects import Plain
from torch import Tensor, nn


def adding(number: float) -> Callable[[Any], Any]:
    return lambda held: number


def by_default(number: float) -> Callable[[Any], Any]:
    def take(held: Any, number: float = number) -> float:
        return number

    return take


def by_keyword(number: float) -> Callable[[Any], Any]:
    def take(held: Any, *, number: float = number) -> float:
        return number

    return take


def twice_closed(number: float) -> Callable[[Any], Any]:
    def inner() -> float:
        return number

    def take(held: Any) -> float:
        return sum(inner() for _ in range(1))

    return take


def wrapped(number: float) -> Callable[[Any], Any]:
    @functools.wraps(number_of)
    def take(held: Any) -> float:
        return number

    return take


def with_attribute(number: float) -> Callable[[Any], Any]:
    def take(held: Any) -> Any:
        return take.number  # type: ignore[attr-defined]

    take.number = number  # type: ignore[attr-defined]
    return take


def typed(number: float) -> Callable[[Any], Any]:
    """The number in the code itself; a function of no file."""
    space: dict[str, Any] = {}
    exec(f"def take(held):\n    return [{number} for _ in range(1)][0]", space)
    return space["take"]


for name, make in {
    "closure": adding,
    "default": by_default,
    "keyword default": by_keyword,
    "closure of a closure": twice_closed,
    "wrapped function": wrapped,
    "attribute of a function": with_attribute,
    "constant of code": typed,
}.items():
    PLACES[name] = functools.partial(lambda make, number: calls(make(number)), make)


def referring(number: float) -> nn.Module:
    KEPT.append(Plain(number))
    reference = weakref.ref(KEPT[-1])
    return calls(lambda held: reference().number)  # type: ignore[union-attr]


KEPT: list[Plain] = []
PLACES["weak reference"] = referring
PLACES["mapping proxy"] = lambda n: calls(of_cell(item, types.MappingProxyType({"a": n})))
PLACES["compressed tensor"] = lambda n: calls(of_cell(dense_part, torch.tensor([[0.0, n]]).to_sparse_csr()))
PLACES["partial"] = lambda n: calls(functools.partial(second, n))
PLACES["keyword of a partial"] = lambda n: calls(functools.partial(keyed, by=n))
PLACES["bound method"] = lambda n: calls(Bound(n).take)
PLACES["callable object"] = lambda n: calls(Called(n))
PLACES["method of a builtin"] = lambda n: calls({None: n}.__getitem__)
PLACES["remembering function"] = lambda n: calls(functools.lru_cache(adding(n)))
PLACES["item getter"] = lambda n: Shifted([1.0, 2.0, 3.0, *range(4, 90)], operator.itemgetter(int(8 * n) + 40))
PLACES["vectorised function"] = lambda n: Shifted(np.vectorize(adding(n)), lambda held: float(held(0)))
PLACES["function without gradient"] = lambda n: calls(torch.no_grad()(adding(n)))
PLACES["compiled function"] = lambda n: calls(torch.compile(adding(n), backend="eager"))
PLACES["single dispatch"] = lambda n: calls(functools.singledispatch(adding(n)))


def dense_part(by: Tensor) -> Tensor:
    return by.to_dense()[0, 1]


def item(by: Any) -> Any:
    return by["a"]


def of_cell(take: Callable[[Any], Any], by: Any) -> Callable[[Any], Any]:
    """For what cannot be copied: a closure is shared."""
    return lambda held: take(by)


def second(first: float, held: Any) -> float:
    return first


def keyed(held: Any, by: float) -> float:
    return by


class Bound:
    def __init__(self, number: float) -> None:
        self.number = number

    def take(self, held: Any) -> float:
        return self.number


class Called(Bound):
    __call__ = Bound.take
