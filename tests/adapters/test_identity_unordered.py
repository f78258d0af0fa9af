"""What is in no order is told the same whatever order a process goes through it in."""

from __future__ import annotations

import dataclasses
import enum
import itertools
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from adapters import identity


class _Alike:
    """Of one hash: a set goes through such things in the order that they were put into it."""

    def __hash__(self) -> int:
        return 0


class Colour(_Alike, enum.Enum):
    R = 1
    G = 2
    B = 3


class Listed(_Alike):
    """An instance that its class leads to."""

    all: ClassVar[list[Listed]] = []

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = _Alike.__hash__


@dataclasses.dataclass(frozen=True)
class Frozen:
    number: int
    within: frozenset[Any] = frozenset()

    def __hash__(self) -> int:
        return 0


def _lambdas() -> list[Any]:
    return [lambda x: x + 1, lambda x: x + 2, lambda x: x + 3]


def _listed() -> list[Any]:
    Listed.all[:] = [Listed(number) for number in range(3)]
    return list(Listed.all)


def _linked() -> list[Any]:
    """A ring, but for one: what tells two of them apart lies two sets further."""
    ring = [Listed(0) for _ in range(3)] + [Listed(1)]
    for each, following in zip(ring, [*ring[1:], ring[0]], strict=True):
        each.others = {following, ring[3]}  # type: ignore[attr-defined]
    return ring[:3]


KINDS: dict[str, Callable[[], list[Any]]] = {
    "members of an enumeration": lambda: list(Colour),
    "instances that their class lists": _listed,
    "instances that lead to each other": _linked,
    "frozen dataclasses": lambda: [Frozen(1), Frozen(2), Frozen(3)],
    "sets of sets": lambda: [Frozen(1, frozenset({Frozen(number, frozenset(Colour))})) for number in range(3)],
    "functions of one name": _lambdas,
    "tensors": lambda: [torch.ones(3), torch.zeros(3), torch.full((3,), 2.0)],
    "tuples": lambda: [(each, 1) for each in Colour],
    "alike but for their class": lambda: [1, "1", b"1", 2.0],
}


def _seen(value: Any) -> str:
    return identity.see({"": value}).digest


def _orders(things: list[Any]) -> Iterable[tuple[Any, ...]]:
    return itertools.permutations(things)


@pytest.mark.parametrize("kind", KINDS)
def test_a_set_is_the_same_in_whatever_order_it_is_gone_through(kind: str) -> None:
    things = KINDS[kind]()

    assert len({_seen(set(order)) for order in _orders(things)}) == 1
    assert len({_seen(frozenset(order)) for order in _orders(things)}) == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tensors"])
def test_a_dictionary_of_settings_is_the_same_in_whatever_order_its_keys_are(kind: str) -> None:
    things = KINDS[kind]()

    assert len({_seen({each: str(things.index(each)) for each in order}) for order in _orders(things)}) == 1


@pytest.mark.parametrize("kind", ["functions of one name", "tensors", "frozen dataclasses"])
def test_a_set_is_the_same_wherever_its_members_lie(kind: str) -> None:
    kept = [KINDS[kind]() for _ in range(20)]

    assert len({_seen(set(things)) for things in kept}) == 1


def test_what_follows_a_set_is_told_by_what_it_is_and_not_by_when_it_was_met() -> None:
    assert len({_seen([set(order), Colour.R, Colour.G]) for order in _orders(list(Colour))}) == 1
    assert _seen([set(Colour), Colour.R]) != _seen([set(Colour), Colour.G])


def test_sets_of_other_things_are_others() -> None:
    sets: list[set[Any]] = [
        {Colour.R, Colour.G},
        {Colour.R, Colour.B},
        {Frozen(1), Frozen(2)},
        {Frozen(1), Frozen(3)},
        {Frozen(1, frozenset({Frozen(1), Frozen(2)})), Frozen(1)},
        {Frozen(1, frozenset({Frozen(1), Frozen(3)})), Frozen(1)},
        {torch.ones(2), torch.zeros(2)},
        {torch.ones(2), torch.ones(2)},
    ]

    assert len({_seen(each) for each in sets}) == len(sets)


def test_a_graph_of_many_sets_is_seen_in_no_time() -> None:
    nodes = [Listed(number % 2) for number in range(60)]
    backwards = nodes[::-1]
    for place, each in enumerate(nodes):
        each.others = {nodes[(place * step + 1) % 60] for step in (1, 3, 7)}  # type: ignore[attr-defined]

    assert _seen(set(nodes)) == _seen(set(backwards))


def test_an_enumeration_in_a_network_is_the_same_whatever_its_hashes() -> None:
    class Net(nn.Module):
        def __init__(self, chosen: Iterable[Colour]) -> None:
            super().__init__()
            self.chosen = set(chosen)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * len(self.chosen)

    assert len({_seen(Net(order)) for order in _orders(list(Colour))}) == 1
