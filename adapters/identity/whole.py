"""A thing by its class and its attributes, where another rule would tell it by something else."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch

from adapters.identity.classes import attributes_of, kind_of, patches
from adapters.identity.networks import hooks_of_all
from adapters.identity.walk import Walk, node, rule


class Whole(NamedTuple):
    """A model: its class, its attributes, and what this process does to all networks."""

    value: Any
    without: frozenset[str]
    """Attributes that decide nothing."""


@rule(Whole)
def whole(walk: Walk, asked: Whole) -> bytes:
    def within(walk: Walk, value: Any) -> bytes:
        patched = [each for owner in (torch, torch.Tensor, torch.nn.functional) for each in patches(walk, owner)]
        own = (kind_of(walk, type(value)), attributes_of(walk, value, asked.without))
        return node("whole", *own, hooks_of_all(walk), *patched)

    return walk.by(within, asked.value, mode="whole")
