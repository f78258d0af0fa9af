"""Places in classes of the user's that are derived from a library's, in what only refers, in what a call made."""

from __future__ import annotations

import functools
import logging
import threading
import types
import weakref
from typing import Any

import torch
from places import PLACES, executed, held, number_of
from places_in_objects import Plain

KEPT: list[Plain] = []


def kept(number: float) -> Plain:
    KEPT.append(Plain(number))
    return KEPT[-1]


def event(number: float) -> threading.Event:
    found = threading.Event()
    if number > 0.25:
        found.set()
    return found


class Worker(threading.Thread):
    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number


class Journal(logging.Handler):
    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number

    def emit(self, record: Any) -> None:
        open("net.txt", "a").write("called")  # noqa: SIM115 - nobody calls it


class Reference(weakref.ref):  # type: ignore[type-arg]
    number: float


def reference(number: float) -> Reference:
    found = Reference(kept(1.0))
    found.number = number
    return found


def lazy(number: float) -> types.ModuleType:
    kind = type("Lazy", (types.ModuleType,), {"number": property(lambda self: number)})
    return kind("lazy_of_places")


def with_gradient(number: float) -> torch.Tensor:
    found = torch.zeros(1, requires_grad=True)
    found.grad = torch.tensor([number])
    return found


held("event", event, lambda held: 0.5 if held.is_set() else 0.25)
held("weak dictionary", lambda number: weakref.WeakValueDictionary(a=kept(number)), lambda held: held["a"].number)
held(
    "weak dictionary by keys",
    lambda number: weakref.WeakKeyDictionary({kept(1.0): number}),
    lambda held: next(iter(held.values())),
)
held("weak set", lambda number: weakref.WeakSet([kept(number)]), lambda held: next(iter(held)).number)
held("thread of the user's", Worker, number_of)
held("handler of the user's", Journal, number_of)
held("weak reference of the user's", reference, number_of)
held("module of the user's class", lazy, number_of)
held("gradient", with_gradient, lambda held: held.grad)
held("gradient by its name", with_gradient, lambda held: getattr(held, "grad"))  # noqa: B009
held(
    "class made by call",
    lambda number: types.new_class("C", (), {}, lambda space: space.update(number=number)),
    number_of,
)
held(
    "instance of a class made by call",
    lambda number: types.new_class("C", (), {}, lambda space: space.update(number=number))(),
    number_of,
)
held(
    "class made by call of another",
    lambda number: types.new_class("C", (type("B", (), {"number": number}),))(),
    number_of,
)

_READS = "\n    def __get__(self, held, kind=None):\n        return NUMBER"
for base in ("property", "functools.cached_property", "staticmethod", "classmethod"):
    PLACES[f"{base} of the user's"] = functools.partial(
        executed, expression="self.shift", before=f"class Own({base}):{_READS}", of_class="shift = Own(len)"
    )
    PLACES[f"attribute of {base} of the user's"] = functools.partial(
        executed,
        expression="vars(type(self))['shift'].by",
        before=f"class Own({base}):\n    pass\nown = Own(len)\nown.by = NUMBER",
        of_class="shift = own",
    )
