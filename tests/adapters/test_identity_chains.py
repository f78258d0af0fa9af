"""Property: whatever a number is wrapped in, outputs that differ imply fingerprints that do, and rebuilding neither."""

from __future__ import annotations

import functools
import threading
import types
import weakref
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import Data, Listing, Plain, Shifted, Slotted, executed
from torch import Tensor

import adapters

x = torch.linspace(0, 1, 24).reshape(2, 1, 3, 4)
Link = tuple[Callable[[Any], Any], Callable[[Any], Any]]
"""How something is wrapped, and how it is had again."""
KEPT: list[Any] = []


class Own(property):
    """Another `__get__` than its base's."""

    def __get__(self, held: Any, kind: Any = None) -> Any:
        return self.fget(held)  # type: ignore[misc]


class Worker(threading.Thread):
    part: Any


class Reference(weakref.ref):  # type: ignore[type-arg]
    part: Any


def with_part(made: Any, part: Any) -> Any:
    made.part = part
    return made


def kept(part: Any) -> Plain:
    KEPT.append(Plain(part))
    return KEPT[-1]


def typed(text: str, part: Any) -> Any:
    """What code that is typed in makes, with a part among its globals."""
    space = {"__name__": "notebook", "PART": part}
    exec(text, space)
    return space["held"]


_MADE = "class Held:\n    def __init__(self): self.part = PART\nheld = object.__new__(Held)\nheld.part = None"
_COPIED = "class Held:\n    def __copy__(self): return PART\nheld = Held()"
_SHOWN = "class Held:\n    def __str__(self): return str(PART)\nheld = Held()"


def made_anew(held: Any) -> Any:
    return type(held)().part


def copied(held: Any) -> Any:
    import copy

    return copy.copy(held)


CHAIN: dict[str, Link] = {
    "attribute": (Plain, lambda held: held.number),
    "slot": (Slotted, lambda held: held.number),
    "field": (Data, lambda held: held.number),
    "namespace": (lambda part: SimpleNamespace(part=part), lambda held: held.part),
    "list": (lambda part: [None, part], lambda held: held[1]),
    "list of the user's": (lambda part: Listing([part]), lambda held: held[0]),
    "attribute of a list": (lambda part: with_part(Listing(), part), lambda held: held.part),
    "dictionary": (lambda part: {"a": {"b": part}}, lambda held: held["a"]["b"]),
    "closure": (lambda part: lambda: part, lambda held: held()),
    "default": (lambda part: typed("def held(part=PART): return part", part), lambda held: held()),
    "global": (lambda part: typed("def held(): return PART", part), lambda held: held()),
    "partial": (lambda part: functools.partial(lambda given: given, part), lambda held: held()),
    "class": (lambda part: type("C", (), {"part": part}), lambda held: held.part),
    "class made by call": (
        lambda part: types.new_class("C", (), {}, lambda space: space.update(part=part)),
        lambda held: held.part,
    ),
    "property": (lambda part: type("C", (), {"part": property(lambda self: part)})(), lambda held: held.part),
    "property of the user's": (lambda part: type("C", (), {"part": Own(lambda self: part)})(), lambda held: held.part),
    "made anew": (lambda part: typed(_MADE, part), made_anew),
    "copied": (lambda part: typed(_COPIED, part), copied),
    "weak dictionary": (lambda part: weakref.WeakValueDictionary(a=kept(part)), lambda held: held["a"].number),
    "thread": (lambda part: with_part(Worker(), part), lambda held: held.part),
    "weak reference": (lambda part: with_part(Reference(kept(None)), part), lambda held: held.part),
    "module": (lambda part: with_part(types.ModuleType("held_in_a_chain"), part), lambda held: held.part),
    "array of objects": (lambda part: np.array([None, SimpleNamespace(part=part)]), lambda held: held[1].part),
    "net": (lambda part: Shifted(part), lambda held: held.held),
}
ENDS: dict[str, Link] = {
    "number": (lambda number: number, lambda held: held),
    "text": (str, float),
    "tensor": (torch.tensor, lambda held: held),
    "array": (np.float64, float),
    "shown": (lambda number: typed(_SHOWN, number), lambda held: float(str(held))),
    "code": (lambda number: executed(number, "NUMBER"), lambda held: held(torch.zeros(1, 1, 3, 4)).sum()),
}


def made(chain: Sequence[str], end: str, number: float) -> tuple[str, Tensor]:
    """Fingerprint and logits of a net that adds a number, at the end of a chain, to its inputs."""
    wrap, take = ENDS[end]
    held, takes = wrap(number), [take]
    for name in chain:
        wrap, take = CHAIN[name]
        held = wrap(held)
        takes.append(take)

    def had(held: Any) -> Any:
        for take in reversed(takes):
            held = take(held)
        return held

    adapter = adapters.wrap(Shifted(held, had).eval())
    assert adapter.unseen == ()
    return adapter.fingerprint, adapter.logits(x).detach()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(sorted(CHAIN)), min_size=1, max_size=4),
    st.sampled_from(sorted(ENDS)),
    st.integers(-40, 40).map(lambda n: n / 8),
    st.integers(-40, 40).map(lambda n: n / 8),
)
def test_outputs_that_differ_imply_fingerprints_that_do(chain: list[str], end: str, one: float, two: float) -> None:
    (left, of_left), (again, _), (right, of_right) = (made(chain, end, number) for number in (one, one, two))
    assert left == again
    assert torch.equal(of_left, of_right) or left != right
