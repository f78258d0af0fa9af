"""The process of a model, seen from within: it imports the user's file, makes the model and answers questions of it."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import traceback
from io import FileIO
from threading import Thread
from typing import Any, TextIO, cast

import torch

from adapters.answering import Answering
from adapters.base import Adapter
from adapters.errors import NotRegistrable, told
from adapters.memory import is_out_of_memory
from adapters.registry import Registration, from_file, registered
from bench.running.isolation.asking import KNOWN
from bench.running.isolation.wire import DTYPES, Message, packed, unpacked
from bench.running.making import adapter_of
from bench.running.workers.protocol import Frame, loads, receive, send

TRACE = 20_000
"""Characters of a traceback that are told, the last ones."""


def serve(requests: int, replies: int, life: int) -> None:
    """Answer until the asker closes the pipe or is gone. The arguments are file descriptors."""
    for descriptor in (requests, replies, life):
        os.set_inheritable(descriptor, False)
    _end_with(life)
    cast(TextIO, sys.stdout).reconfigure(line_buffering=True)  # type: ignore[attr-defined]
    server, mine = _Server(), os.getpid()
    with contextlib.suppress(EOFError, OSError), FileIO(requests, "rb") as asked, FileIO(replies, "wb") as said:
        while True:
            reply = server.reply(receive(asked))
            if os.getpid() != mine:  # a fork that came back from its question, and would answer twice
                os._exit(0)
            send(said, reply)
            del reply


def _end_with(life: int) -> None:
    """End this process, whatever it is doing, when the other end of a pipe closes; on Linux its children, too."""
    try:
        import fcntl

        fcntl.fcntl(life, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    except (ImportError, AttributeError, OSError):  # pragma: no cover - another system: as soon as Python gets to it
        Thread(target=lambda: (os.read(life, 1), os._exit(1)), daemon=True).start()


class _Server:
    """What this process knows: how to go about it, the file's models, and the one that it has made."""

    def __init__(self) -> None:
        self._found: dict[str, list[Registration]] = {}
        self._answering: Answering | None = None
        self._device = "cpu"
        self._ready = False

    def reply(self, question: Frame) -> Frame:
        """Whatever comes of a question: no exception of a model's ends this process, nor does `sys.exit`."""
        try:
            message = unpacked(question)
            return packed(self._answer(message.kind, message))
        except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt and all: they are the model's
            return packed(Message("error", _failure(error), {}))

    def _answer(self, kind: str, message: Message) -> Message:
        values = message.values
        setup = values.pop("setup", None)
        if setup is not None and not self._ready:
            _set_up(**setup)
            self._ready = True
        if kind == "discover":
            found = self._registrations(values["spec"])
            return Message("answer", {"models": [[offer.name, offer.dataset] for offer in found]}, {})
        if kind == "make":
            self._answering = Answering(self._made(message.blob, **values))
            reply = self._answering.answer("info", {}, {})
            return Message("answer", reply.values, reply.tensors)
        if self._answering is None:
            raise ValueError("there is no model yet")
        tensors = {name: tensor.to(self._device) for name, tensor in message.tensors.items()}
        reply = self._answering.answer(kind, tensors, values)
        return Message("answer", reply.values, reply.tensors)

    def _registrations(self, spec: str) -> list[Registration]:
        if spec not in self._found:
            self._found[spec] = from_file(spec)
        return self._found[spec]

    def _made(
        self, pickled: bytes | bytearray, *, source: str, spec: str, name: str, input_shape: list[int],
        classes: list[str], device: str, threads: int, precision: str, dtype: str,
    ) -> Adapter:  # fmt: skip
        """The model of one name, as the process that judges it would have made it: numbers of threads decide bits."""
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
        torch.set_default_dtype(DTYPES[dtype])
        if device == "cuda":
            torch.backends.cudnn.allow_tf32 = False
        self._device = device
        if source == "file":
            offers = {offer.name: offer for offer in self._registrations(spec)}
        elif source == "name":
            offers = registered()
        else:
            offers = {name: Registration(name, loads(pickled))}
        if name not in offers:
            raise NotRegistrable(f"{spec} has no model {name!r} any more")
        return adapter_of(offers[name].resolve, name, tuple(input_shape), classes, device)


def _set_up(path: list[str], folder: str, memory: int | None) -> None:
    """Import from where the judge imports, in its folder; hold so many bytes of data at most, and leave no core."""
    sys.path[:] = path
    importlib.invalidate_caches()
    os.chdir(folder)
    try:
        import resource
    except ImportError:  # pragma: no cover - Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if memory is not None:
        kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (memory if hard == resource.RLIM_INFINITY else min(memory, hard), hard))


def _failure(error: BaseException) -> dict[str, Any]:
    """An exception by its text, and by its type where the asker knows it."""
    try:
        kind = next((name for name, known in KNOWN.items() if isinstance(error, known)), "")
        text = " ".join(str(error).split()) if kind else told(error)
        trace = "".join(traceback.format_exception(error))[-TRACE:]
        return {"type": kind, "text": text, "short": is_out_of_memory(error), "trace": trace}
    except BaseException:  # noqa: BLE001 - its text is somebody's code, too
        return {"type": "", "text": f"{type(error).__name__}: (its text cannot be had)", "short": False}
