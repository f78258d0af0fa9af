"""Places in what a network holds: attributes, containers and objects."""

from __future__ import annotations

import array
import collections
import dataclasses
import functools
import re
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from places import held, linear, number_of
from scipy import sparse
from torch import nn


class Plain:
    def __init__(self, number: float) -> None:
        self.number = number


class Slotted:
    __slots__ = ("number",)

    def __init__(self, number: float) -> None:
        self.number = number


class Pair(NamedTuple):
    first: float
    second: float


@dataclasses.dataclass(frozen=True)
class Data:
    number: float
    other: str = "same"


class Listing(list):  # type: ignore[type-arg]
    number = 0.0


class Reticent(dict):  # type: ignore[type-arg]
    """Shows nothing of itself, in whatever way it is asked."""

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "nothing"

    def __getstate__(self) -> Any:
        return {}


class Late:
    """Computes once."""

    def __init__(self, number: float) -> None:
        self.source = [number]

    @functools.cached_property
    def number(self) -> float:
        return self.source[0]


class Dynamic:
    def __init__(self, number: float) -> None:
        self._values = {"number": number}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(name) from None


class Text(str):
    number: float


def text_of(number: float) -> Text:
    text = Text("same")
    text.number = number
    return text


def objects(*parts: Any) -> np.ndarray:
    found = np.empty(len(parts), dtype=object)
    found[:] = parts
    return found


def padded(number: float) -> np.ndarray:
    return np.array([(1, number)], dtype=np.dtype([("flag", "u1"), ("number", "f8")], align=True))


def listing_of(number: float) -> Listing:
    found = Listing([1])
    found.number = number
    return found


held("attribute", lambda n: n)
held("tensor that is no buffer", lambda n: torch.tensor(n))
held("tensor in float16", lambda n: torch.tensor(n, dtype=torch.bfloat16), lambda t: t.float())
held("sparse tensor", lambda n: torch.tensor([[0.0, n]]).to_sparse(), lambda t: t.to_dense()[0, 1])
held("part of a tensor", lambda n: torch.tensor([n, 2.0])[:1])
held("conjugate", lambda n: torch.tensor([complex(1, n)]).conj(), lambda t: -torch.view_as_real(t.resolve_conj())[0, 1])
held("list in a dictionary in a tuple", lambda n: ({"a": [1, n]},), lambda h: h[0]["a"][1])
held("key of a dictionary", lambda n: {n: 1}, lambda h: next(iter(h)))
held("set", lambda n: {n, "a", "b"}, lambda h: next(x for x in h if not isinstance(x, str)))
held("default dictionary", lambda n: collections.defaultdict(functools.partial(float, n)), lambda h: h["a"])
held("deque", lambda n: collections.deque([n]), lambda h: h[0])
held("ordered dictionary", lambda n: collections.OrderedDict(a=n), lambda h: h["a"])
held("chain of dictionaries", lambda n: collections.ChainMap({"a": n}), lambda h: h["a"])
held("dictionary of the user's", lambda n: Reticent(a=n), lambda h: dict.__getitem__(h, "a"))
held("list of the user's", listing_of, number_of)
held("string of the user's", text_of, number_of)
held("object", Plain, number_of)
held("object with slots", Slotted, number_of)
held("named tuple", lambda n: Pair(1, n), lambda h: h.second)
held("dataclass", Data, number_of)
held("namespace", lambda n: SimpleNamespace(number=n), number_of)
held("computed once", Late, number_of)
held("attributes by __getattr__", Dynamic, number_of)
held("array", lambda n: np.array([n], dtype=np.float32), lambda h: torch.from_numpy(h.copy()))
held("array of objects", lambda n: objects({"a": n}, None), lambda h: h[0]["a"])
held("structured array", padded, lambda h: float(h["number"][0]))
held("masked array", lambda n: np.ma.masked_array([1.0], mask=[True], fill_value=n), lambda h: float(h.filled()[0]))
held("number of NumPy", np.float64)
held("array of Python", lambda n: array.array("d", [n]), lambda h: h[0])
held("fraction", lambda n: Fraction(n), float)
held("bytes", lambda n: memoryview(np.array([n]).tobytes()).tobytes(), lambda h: float(np.frombuffer(h)[0]))
held("sparse matrix", lambda n: sparse.csr_matrix([[0.0, n]]), lambda h: float(h.toarray()[0, 1]))
held("slice", lambda n: slice(n), lambda h: h.stop)
held("pattern", lambda n: re.compile(f"{n}|x"), lambda h: float(h.pattern[:-2]))
held("generator of torch", lambda n: torch.Generator().manual_seed(int(8 * n) + 99), lambda h: h.initial_seed() / 8)
held(
    "generator of NumPy",
    lambda n: np.random.default_rng(int(8 * n) + 99),
    lambda h: h.bit_generator.state["state"]["state"] % 997,
)
held("module in a list", lambda n: [linear(n)], lambda h: h[0](torch.zeros(1, 1)))
held(
    "module in a dictionary of lists",
    lambda n: {"a": [nn.Sequential(linear(n))]},
    lambda h: h["a"][0](torch.zeros(1, 1)),
)
