"""A thing by its class and its attributes, where another rule would tell it by something else."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from adapters.identity import libraries
from adapters.identity.classes import attributes_of, kind_of
from adapters.identity.networks import hooks_of_all
from adapters.identity.patched import patches
from adapters.identity.walk import Walk, node, rule


class Whole(NamedTuple):
    """A model: its class, its attributes, and what this process does to all networks."""

    value: Any
    without: frozenset[str]
    """Attributes that decide nothing, unless code of the user's loads them."""
    notes: tuple[str, ...] = ()
    """What the attribute `notes` has that does not come of the walk itself."""
    follow: frozenset[str] = frozenset()
    """Attributes that follow from the others, whoever loads them."""


@rule(Whole)
def whole(walk: Walk, asked: Whole) -> bytes:
    def within(walk: Walk, value: Any) -> bytes:
        patched = [each for owner in (torch, torch.Tensor, torch.nn.functional) for each in patches(walk, owner)]
        kind = kind_of(walk, type(value))
        loaded = _loaded(walk, value, asked.without - asked.follow)
        own = [kind, attributes_of(walk, value, asked.without - loaded | {"notes"})]
        if "notes" in loaded:
            own.append(node("notes", walk.of(list(asked.notes), "notes")))
        return node("whole", *own, hooks_of_all(walk), *patched)

    return walk.by(within, asked.value, mode="whole")


def _loaded(walk: Walk, value: Any, names: frozenset[str]) -> frozenset[str]:
    """Those of an adapter's attributes that code of its user's names, which may do with them what it likes."""
    if libraries.of_class(type(value)) is not None:
        return frozenset()
    return frozenset(filter(walk.reading.names, names))
