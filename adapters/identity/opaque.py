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

from adapters.identity.walk import Walk, node, rule


@rule(type(threading.Lock()), type(threading.RLock()), threading.Condition, threading.Event, threading.Semaphore)
@rule(threading.Barrier, threading.Thread, logging.Logger, logging.LoggerAdapter, logging.Handler, RemovableHandle)
@rule(weakref.WeakKeyDictionary, weakref.WeakValueDictionary, weakref.WeakSet)
@rule(torch.Stream, torch.Event)
def bystander(walk: Walk, value: Any) -> bytes:
    """What keeps order, writes down or remembers."""
    return node("bystander", type(value).__name__)


@rule(_io._IOBase, socket.socket, mmap.mmap, ctypes._SimpleCData, ctypes.Structure, ctypes.Array, ctypes.CDLL)
@rule(ctypes._Pointer, CFuncPtr, threading.local, type(os.environ))
@rule(types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType, types.FrameType, asyncio.AbstractEventLoop)
def closed(walk: Walk, value: Any) -> bytes:
    return walk.cannot(value)


@rule(contextvars.ContextVar)
def in_context(walk: Walk, value: contextvars.ContextVar[Any]) -> bytes:
    return node("context", walk.of(value.get(None)))


@rule(io.BytesIO, io.StringIO)
def in_memory(walk: Walk, value: Any) -> bytes:
    return node("in memory", walk.of(value.getvalue()), walk.of(value.tell()))
