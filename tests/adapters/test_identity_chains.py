"""Property: whatever a number is wrapped in, outputs that differ imply fingerprints that do, and rebuilding neither."""

from __future__ import annotations

import functools
import sys
import threading
import types
import warnings
import weakref
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from all_places import PLACES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import Shifted, executed, linear
from places_in_objects import Data, Listing, Plain, Slotted
from torch import Tensor, nn

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


IMPORTED = {
    "imported module": "import MODULE\ndef held(): return MODULE.PART",
    "imported name": "from MODULE import PART as other\ndef held(): return other",
    "import within a function": "def held():\n    import MODULE as other\n    return other.PART",
}
MODULES: list[types.ModuleType] = []
"""Those of the net that is being made, each by a name of its own."""


def importing(code: str, part: Any) -> Any:
    """What code makes that imports a module which has a part."""
    name = f"imported_in_a_chain_{len(MODULES)}"
    MODULES.append(with_part(types.ModuleType(name), None))
    vars(MODULES[-1])["PART"] = part
    sys.modules[name] = MODULES[-1]
    return typed(code.replace("MODULE", name), None)


def hooked(register: str, part: Any) -> nn.Module:
    """A module that gives a part whatever it is asked, by a hook."""
    found = nn.Identity()
    if register == "forward":
        found.register_forward_hook(lambda module, inputs, output: part)
    elif register == "pre":
        found.register_forward_pre_hook(lambda module, inputs: (part,))
    else:
        found.register_forward_pre_hook(lambda module, inputs, named: ((part,), named), with_kwargs=True)
    return found


def asked(held: Any) -> Any:
    return held(torch.zeros(1))


def quantised(number: float) -> nn.Module:
    """A net whose weight is packed by C++."""
    part = nn.Sequential(linear(0.0))
    nn.init.constant_(part[0].weight, number)
    return torch.ao.quantization.quantize_dynamic(part, {nn.Linear})


def not_saved(number: float) -> nn.Module:
    found = nn.Module()
    found.register_buffer("by", torch.tensor(number), persistent=False)
    return found


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
    **{f"{when} hook": (functools.partial(hooked, when), asked) for when in ("forward", "pre", "keyword")},
    **{name: (functools.partial(importing, code), lambda held: held()) for name, code in IMPORTED.items()},
}
ENDS: dict[str, Link] = {
    "number": (lambda number: number, lambda held: held),
    "text": (str, float),
    "tensor": (torch.tensor, lambda held: held),
    "array": (np.float64, float),
    "shown": (lambda number: typed(_SHOWN, number), lambda held: float(str(held))),
    "code": (lambda number: executed(number, "NUMBER"), lambda held: held(torch.zeros(1, 1, 3, 4)).sum()),
    "quantised weight": (quantised, lambda held: held(torch.ones(1, 1))[0, 0]),
    "quantised tensor": (
        lambda number: torch.quantize_per_tensor(torch.tensor([number]), 1 / 8, 64, torch.quint8),
        lambda held: held.dequantize()[0],
    ),
    "buffer that is not persistent": (not_saved, lambda held: held.by),
    **{
        name: (PLACES[name], lambda held: held(torch.zeros(1, 1, 3, 4)).sum())
        for name in (
            "parameter",
            "parametrization",
            "hook behind",
            "class attribute",
            "forward of an instance",
            "graph",
        )
    },
}


NUMBERS = st.integers(-40, 40).map(lambda n: n / 8)
CHAINS = st.lists(st.sampled_from(sorted(CHAIN)), min_size=1, max_size=4)
TWO = st.lists(NUMBERS, min_size=2, max_size=2, unique=True)
SETTINGS = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


def shifted(chain: Sequence[str], end: str, number: float) -> nn.Module:
    """A net that adds a number, at the end of a chain, to its inputs."""
    MODULES.clear()
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

    return Shifted(held, had).eval()


def made(chain: Sequence[str], end: str, number: float) -> tuple[str, Tensor]:
    """Fingerprint and logits of such a net."""
    adapter = adapters.wrap(shifted(chain, end, number))
    assert adapter.unseen == ()
    return adapter.fingerprint, adapter.logits(x).detach()


def differ(chain: Sequence[str], end: str, one: float, two: float) -> None:
    """The same net twice is one model, and nets with two numbers are two where their outputs are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (left, of_left), (again, _), (right, of_right) = (made(chain, end, number) for number in (one, one, two))
    assert left == again
    assert torch.equal(of_left, of_right) or left != right


@settings(max_examples=3, **SETTINGS)  # type: ignore[arg-type]
@given(st.permutations(sorted(CHAIN)), st.permutations(sorted(ENDS)), st.lists(TWO, min_size=len(ENDS)))
def test_outputs_that_differ_imply_fingerprints_that_do(
    links: list[str], ends: list[str], numbers: list[list[float]]
) -> None:
    """Every end and every link in each example, put together and in an order that are drawn."""
    for place, end in enumerate(ends):
        differ(links[place :: len(ends)], end, *numbers[place])


@pytest.mark.thorough
@settings(max_examples=150, **SETTINGS)  # type: ignore[arg-type]
@given(CHAINS, st.sampled_from(sorted(ENDS)), TWO)
def test_outputs_that_differ_imply_it_in_longer_chains(chain: list[str], end: str, two: list[float]) -> None:
    differ(chain, end, *two)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_numbers_reach_the_outputs(end: str) -> None:
    """Through all links at once: else the properties would hold of anything."""
    one, two = (shifted(list(CHAIN), end, number)(x) for number in (1.0, 2.0))
    assert not torch.equal(one, two)
