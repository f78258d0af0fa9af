"""What decides nothing, whatever is in it, and what cannot be seen into."""

from __future__ import annotations

import _io
import asyncio
import contextvars
import ctypes
import io
import logging
import mmap
import os
import socket
import threading
import types
import weakref
from _ctypes import CFuncPtr
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from adapters.identity import libraries
from adapters.identity.classes import BOOKKEEPING, CONSTRUCTION, SHOWN, kind_of, of_users, own_attributes
from adapters.identity.containers import pairs
from adapters.identity.unordered import members_of
from adapters.identity.walk import Walk, node, rule


@rule(type(threading.Lock()), type(threading.RLock()), threading.Condition, threading.Semaphore)
@rule(threading.Barrier, threading.Thread, logging.Logger, logging.LoggerAdapter, logging.Handler, RemovableHandle)
@rule(torch.Stream, torch.Event)
def bystander(walk: Walk, value: Any) -> bytes:
    """What keeps order or writes down; of a user's class, what code loads of it, beside what its library set."""
    kind = type(value)
    own = [base for base in kind.__mro__ if libraries.of_class(base) is None]
    if not own:
        return node("bystander", kind.__name__, *_asked_of(walk, value))
    members = {name: part for base in reversed(own) for name, part in vars(base).items() if _is_asked_for(walk, name)}
    found = {name: part for name, part in own_attributes(value).items() if walk.reading.names(name)}
    set_before = {name for base in kind.__mro__ if base not in own for name in _names_of(vars(base).get("__init__"))}
    members.update((name, part) for name, part in found.items() if name not in set_before)
    return node("bystander", kind.__name__, *(node(name, walk.of(members[name], name)) for name in sorted(members)))


_TOLD = frozenset({"level", "disabled", "_value", "_target", "_args", "_kwargs", "_name"})
"""What a library sets in a bystander and code may read by that name."""


def _asked_of(walk: Walk, value: Any) -> list[bytes]:
    """What code reads of a bystander by name: whether it is locked, a logger's level, what somebody set in it."""
    kind = type(value)
    known = {name for base in kind.__mro__ for name in _names_of(vars(base).get("__init__"))}
    found = {
        name: part
        for name, part in own_attributes(value).items()
        if walk.reading.names(name) and (name in _TOLD or name not in known)
    }
    if walk.reading.names("locked") and hasattr(value, "locked"):
        found["locked()"] = value.locked()
    return [node(name, walk.of(part, name)) for name, part in sorted(found.items())]


def _is_asked_for(walk: Walk, name: str) -> bool:
    if name.startswith("__"):
        return name not in BOOKKEEPING | CONSTRUCTION | SHOWN
    return walk.reading.names(name)


def _names_of(function: Any) -> tuple[str, ...]:
    return function.__code__.co_names if isinstance(function, types.FunctionType) else ()


@rule(threading.Event)
@of_users
def event(walk: Walk, value: threading.Event) -> bytes:
    """By whether it is set."""
    return node("event") if value.is_set() else node("bystander", "Event")


@rule(weakref.WeakKeyDictionary, weakref.WeakValueDictionary)
def weak_items(walk: Walk, value: Any) -> bytes:
    """By what is in it now."""
    users = libraries.of_class(type(value)) is None
    kind = (kind_of(walk, type(value)),) if users else ()
    return node("bystander", type(value).__name__, *([pairs(walk, dict(value.items()))] if value else []), *kind)


@rule(weakref.WeakSet)
def weak_set(walk: Walk, value: Any) -> bytes:
    users = libraries.of_class(type(value)) is None
    kind = (kind_of(walk, type(value)),) if users else ()
    return node("bystander", type(value).__name__, *sorted(members_of(walk, value)), *kind)


@rule(_io._IOBase, socket.socket, mmap.mmap, ctypes._SimpleCData, ctypes.Structure, ctypes.Array, ctypes.CDLL)
@rule(ctypes._Pointer, CFuncPtr, threading.local, type(os.environ))
@rule(types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType, types.FrameType, asyncio.AbstractEventLoop)
def closed(walk: Walk, value: Any) -> bytes:
    return walk.cannot(value)


@rule(contextvars.ContextVar)
def in_context(walk: Walk, value: contextvars.ContextVar[Any]) -> bytes:
    try:
        return node("context", walk.of(value.get()))
    except LookupError:
        return node("context", walk.of(None))


@rule(io.BytesIO, io.StringIO)
@of_users
def in_memory(walk: Walk, value: Any) -> bytes:
    return node("in memory", walk.of(value.getvalue()), walk.of(value.tell()))
