"""Plain values and containers. The order of a dictionary counts where it holds functions, networks or tensors."""

from __future__ import annotations

import collections
import enum
import types
import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from adapters.identity.classes import attributes_of, kind_of, of_users
from adapters.identity.unordered import members_of, whatever_order
from adapters.identity.walk import Walk, node, plain, rule


@plain(type(None), bool, float, complex, type(Ellipsis), type(NotImplemented), range)
def _by_repr(value: Any) -> bytes:
    return repr(value).encode()


@plain(int)
def _integer(value: int) -> bytes:
    return hex(value).encode()  # however large


@plain(str)
def _text(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


@plain(bytes, bytearray)
def _bytes(value: bytes) -> bytes:
    return bytes(value)


@plain(torch.dtype, torch.layout, torch.memory_format, torch.qscheme)
def _of_torch(value: Any) -> bytes:
    return str(value).encode()


@plain(torch.device)
def _device(value: torch.device) -> bytes:
    return b""  # where a model runs is no part of what it is


@rule(list, tuple, collections.deque)
def sequence(walk: Walk, value: Any) -> bytes:
    payload = [walk.of(part, f"[{place}]") for place, part in enumerate(_items(value))]
    return node("sequence", _kind(walk, value, (list, tuple, collections.deque, torch.Size)), *payload)


def _items(value: Any) -> Iterable[Any]:
    """The items of a sequence as its builtin class has them, whatever the user's does."""
    base = next(base for base in (list, tuple, collections.deque) if isinstance(value, base))
    return base.__iter__(value)


@rule(set, frozenset)
def unordered(walk: Walk, value: Any) -> bytes:
    base = set if isinstance(value, set) else frozenset
    return node("set", _kind(walk, value, (set, frozenset)), *sorted(members_of(walk, base.__iter__(value))))


@rule(dict)
def mapping(walk: Walk, value: Any) -> bytes:
    return node("dict", _kind(walk, value, (dict, collections.OrderedDict)), pairs(walk, dict(dict.items(value))))


@rule(types.MappingProxyType)
def proxy(walk: Walk, value: Any) -> bytes:
    return node("mappingproxy", pairs(walk, dict(value)))


def pairs(walk: Walk, value: dict[Any, Any], ordered: bool = False) -> bytes:
    """Keys with their values; in their order if it says so, or if a value is one of those that may be applied."""
    ordered = ordered or any(map(_is_applied, dict.values(value)))

    def tell(item: tuple[Any, ...]) -> bytes:
        key, part = item
        return node("item", walk.of(key, "key"), walk.of(part, _key(key)))

    items: list[tuple[Any, ...]] = list(value.items())
    return node("ordered", *map(tell, items)) if ordered else node("pairs", *sorted(whatever_order(walk, items, tell)))


def _is_applied(part: Any) -> bool:
    """Whether something is, or holds, what may be gone through in order, one after the other."""
    if type(part) in (list, tuple):
        return any(map(_is_applied, part))
    if type(part) is dict:
        return any(map(_is_applied, part.values()))
    return callable(part) or isinstance(part, (torch.Tensor, np.ndarray))


def _kind(walk: Walk, value: Any, builtin: tuple[type, ...]) -> bytes:
    """The class of a container, and what it has beside its items."""
    kind = type(value)
    if kind in builtin and kind is not collections.OrderedDict:
        extra = walk.of(value.maxlen) if kind is collections.deque else b""
        return node(kind.__name__, extra)
    factory = value.default_factory if isinstance(value, collections.defaultdict) else None
    order = node("order", *(walk.of(key) for key in value)) if kind is collections.OrderedDict else b""
    return node("container", kind_of(walk, kind), order, walk.of(factory), attributes_of(walk, value))


def _key(key: Any) -> str:
    return f"[{key!r}]" if type(key) in (str, int, bool, float) else f"[{type(key).__name__}]"


@rule(enum.Enum)
def member(walk: Walk, value: enum.Enum) -> bytes:
    return node("member", kind_of(walk, type(value)), str(value._name_), walk.of(value._value_, "value"))


@rule(int, float, complex, str, bytes, bytearray)
def scalar(walk: Walk, value: Any) -> bytes:
    """A value of a class derived from a plain one."""
    base = next(base for base in (int, float, complex, str, bytes, bytearray) if isinstance(value, base))
    return node("scalar", kind_of(walk, type(value)), base.__repr__(value), attributes_of(walk, value))


@rule(slice)
def cut(walk: Walk, value: slice) -> bytes:
    return node("slice", walk.of(value.start), walk.of(value.stop), walk.of(value.step))


@rule(weakref.ref, weakref.ProxyType, weakref.CallableProxyType)
@of_users
def reference(walk: Walk, value: Any) -> bytes:
    """A weak reference is what it refers to."""
    if isinstance(value, weakref.ref):
        return node("weak", walk.of(value(), "()"))
    return node("weak", walk.of(value.__repr__.__self__, "()"))
