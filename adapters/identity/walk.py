"""The walk: one digest for each thing met, from the digests of what is in it."""

from __future__ import annotations

import hashlib
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from itertools import chain
from typing import Any, NamedTuple

from adapters.identity.reading import Reading

DIGEST_SIZE = 32
DEPTH = 4
"""Unordered containers within one another that are gone into to find the order of what is in the outermost."""


class Seen(NamedTuple):
    """What a walk came to."""

    digest: str
    """SHA-256 over all that was seen, 64 hex digits."""
    unseen: tuple[str, ...]
    """Path and type of each thing that cannot be seen into, such as `head.session: InferenceSession`."""
    foreign: bool = False
    """Whether code of its user's was met, or of a library other than torch, scikit-learn, NumPy and Python's own."""


Rule = Callable[["Walk", Any], bytes]
_rules: list[tuple[type, Rule]] = []
_chosen: dict[type, Rule] = {}
_plain: dict[type, Callable[[Any], bytes]] = {}


def rule(*kinds: type) -> Callable[[Rule], Rule]:
    """Let a function say what things of these classes, and of classes derived from them, are.

    Of several rules that apply, the one of the class that comes first in the method resolution order counts.
    """

    def add(function: Rule) -> Rule:
        _rules.extend((kind, function) for kind in kinds)
        _chosen.clear()
        return function

    return add


def plain(*kinds: type) -> Callable[[Callable[[Any], bytes]], Callable[[Any], bytes]]:
    """Let a function give the bytes of values of exactly these classes, which have no parts."""

    def add(function: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
        _plain.update(dict.fromkeys(kinds, function))
        return function

    return add


def node(tag: str, *parts: bytes | str) -> bytes:
    """The digest of a thing: of its kind and parts, each with its length, so that no two read the same."""
    digest = hashlib.sha256()
    for part in (tag, *parts):
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.digest()


def see(parts: Mapping[str, Any], *, weigh: bool = True) -> Seen:
    """What things are, by everything that decides what they do.

    What code loads by name decides which attributes count, and these lead to more code: the walk is repeated until no
    new name comes up. Only the last time are tensors hashed; where `weigh` is false, not even then.

    Args:
        parts: the things, each with the beginning of its paths.
        weigh: whether the digest is wanted, or just what is unseen.
    """
    reading = Reading()
    while True:
        known = reading.size
        found = _walked(Walk(reading, weigh=False), parts)
        if reading.size == known:
            break
    return _walked(Walk(reading), parts) if weigh else found


def _walked(walk: Walk, parts: Mapping[str, Any]) -> Seen:
    try:
        digest = node("parts", *(node(name, walk.of(part, name)) for name, part in parts.items())).hex()
    except RecursionError:
        walk.unseen.append("nested more deeply than Python recurses")
        digest = node("too deep").hex()
    return Seen(digest, tuple(dict.fromkeys(walk.unseen)), walk.foreign)


class _Apart(NamedTuple):
    """Where a walk was when it began to see things apart."""

    depth: int
    done: MutableMapping[tuple[str, int], bytes]
    done_aside: MutableMapping[tuple[str, int], bytes]
    open: dict[tuple[str, int], str]
    trail: list[str]


class Walk:
    """One walk. Each thing is seen once; where it leads back to itself, its path stands for it."""

    def __init__(self, reading: Reading, *, weigh: bool = True) -> None:
        self.reading = reading
        """The names that code loads: known from the walks before, and collected by this one."""
        self.weigh = weigh
        """Whether the contents of tensors and arrays are hashed."""
        self.unseen: list[str] = []
        self.foreign = False
        self._trail: list[str] = []
        self._open: dict[tuple[str, int], str] = {}
        self._done: MutableMapping[tuple[str, int], bytes] = {}
        self._done_aside: MutableMapping[tuple[str, int], bytes] = {}
        self._apart: _Apart | None = None
        self._found_apart: dict[tuple[int, ...], bytes] = {}
        self._kept: list[Any] = []  # an address tells a thing apart only as long as that lives

    def of(self, value: Any, place: str = "") -> bytes:
        """The digest of a value that is found at a place, such as an attribute's name, of what is being seen."""
        kind = type(value)
        if kind in _plain:
            return node(kind.__name__, _plain[kind](value))
        return self.by(_rule_of(kind), value, place)

    def by(self, how: Rule, value: Any, place: str = "", mode: str = "") -> bytes:
        """The digest of a value by a rule; things seen in different modes are different things."""
        key = (mode, id(value))
        if not mode and key[1] in self.reading.settled:
            return self.reading.settled[key[1]][1]
        if key in self._done:
            return self._done[key]
        if key in self._open:
            return node("within", self._open[key])
        self._trail.append(place)
        self._open[key] = self.path
        try:
            digest = how(self, value)
        except (RecursionError, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - whatever somebody's objects raise when they are looked at
            digest = self.cannot(value)
        finally:
            self._trail.pop()
            del self._open[key]
        self._done[key] = digest
        self._kept.append(value)
        if type(value) in _CONTAINERS and all(type(part) in _plain for part in _parts(value)):
            self.reading.settled[key[1]] = value, digest
        return digest

    def aside(self, value: Any, place: str = "") -> bytes:
        """The digest of a function that makes or shows instances: that it goes through their attributes says nothing.

        What it leads to may be met elsewhere, where it does: neither is remembered in place of the other.
        """
        within, done = self.reading.aside, self._done
        self.reading.aside, self._done = True, self._done_aside
        try:
            return self.of(value, place)
        finally:
            self.reading.aside, self._done = within, done

    @property
    def is_apart(self) -> bool:
        """Whether what is seen now is seen apart, and not for good."""
        return self._apart is not None

    def apart(self, things: tuple[Any, ...], tell: Callable[[tuple[Any, ...]], bytes]) -> bytes:
        """The digest that things have if they are met next, all that is beside them being unmet.

        What a thing is told by depends on what was met before it: a class leads to its instances, and they lead to it.
        Of things in no order none may come first but by what it is, and that this tells. Nothing of it is remembered.
        Within other containers without order it is the same again, `DEPTH` of them deep; further it says nothing.
        """
        before = self._apart
        depth = before.depth + 1 if before else 1
        if depth > DEPTH:
            return b""
        key = (depth, self.reading.aside, *map(id, things))
        if key not in self._found_apart:
            self._found_apart[key] = self._told_apart(before, depth, lambda: tell(things))
            self._kept.append(things)
        return self._found_apart[key]

    def _told_apart(self, before: _Apart | None, depth: int, tell: Callable[[], bytes]) -> bytes:
        here = _Apart(depth, self._done, self._done_aside, self._open, self._trail)
        start = before or here
        count, foreign = len(self.unseen), self.foreign
        self._apart = start._replace(depth=depth)
        self._done_aside = ChainMap({}, start.done_aside)
        self._done = self._done_aside if self.reading.aside else ChainMap({}, start.done)
        self._open, self._trail = dict(start.open), list(start.trail)
        try:
            return tell()
        finally:
            self._apart = before
            _, self._done, self._done_aside, self._open, self._trail = here
            self.foreign = foreign
            del self.unseen[count:]

    def cannot(self, value: Any, what: str = "") -> bytes:
        """Take down that a thing here cannot be seen into."""
        kind = type(value)
        name = what or (
            kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        )
        self.lacks(name)
        return node("unseen", name)

    def lacks(self, what: str) -> None:
        """Take down something that cannot be seen into."""
        self.unseen.append(f"{self.path or 'itself'}: {what}")

    def is_within(self, value: Any) -> bool:
        """Whether the walk is within all of a thing, see `Whole`."""
        return ("whole", id(value)) in self._open

    @property
    def path(self) -> str:
        """Where the walk is."""
        return ".".join(place for place in self._trail if place)


_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})


def _parts(container: Any) -> Iterable[Any]:
    return chain(container, container.values()) if type(container) is dict else container


def _rule_of(kind: type) -> Rule:
    if kind not in _chosen:
        order = {base: place for place, base in enumerate(kind.__mro__)}
        found = [(order[base], how) for base, how in _rules if base in order]
        _chosen[kind] = min(found, key=lambda each: each[0])[1]
    return _chosen[kind]
