"""Things in no order, such as a set's: what they are told by does not depend on which of them is met first.

What is met first is what others lead back to. That goes by class and name, and by what the things are where these say
nothing (`Walk.apart`): not by hashes and addresses, which are others in every process.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any

from adapters.identity.walk import Walk, node

Things = tuple[Any, ...]


def members_of(walk: Walk, parts: Iterable[Any]) -> list[bytes]:
    """The digests of things that are in no order."""
    return whatever_order(walk, [(part,) for part in parts], lambda each: walk.of(each[0], "{}"))


def whatever_order(walk: Walk, things: list[Things], tell: Callable[[Things], bytes]) -> list[bytes]:
    """The digests of things, or of pairs that are named by their first, whatever order they come in.

    Args:
        things: of which each is told at once.
        tell: gives the digest of one.
    """
    named = sorted(((_label(each[0]), each) for each in things), key=itemgetter(0))
    found: list[bytes] = []
    for label, group in groupby(named, key=itemgetter(0)):
        alike = [each for _, each in group]
        if len(alike) > 1 and walk.is_apart:
            found.extend(node("apart", *label, walk.apart(each, tell)) for each in alike)
            continue
        if len(alike) > 1 and walk.weigh:
            alike.sort(key=lambda each: walk.apart(each, tell))
        found.extend(map(tell, alike))
    return found


def _label(value: Any) -> tuple[str, str]:
    return type(value).__name__, _name(value)


def _name(value: Any) -> str:
    if type(value) in (str, bytes, int, float, bool, complex, type(None)):
        return repr(value)
    if type(value) in (tuple, frozenset):
        return str(sorted(map(_name, value)) if type(value) is frozenset else list(map(_name, value)))
    return str(value._name_ if isinstance(value, enum.Enum) else getattr(value, "__qualname__", ""))
