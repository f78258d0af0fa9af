"""A worker process, seen from within: take a task from the pipe, run it, send back what came of it."""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import signal
import sys
import time
import traceback
from io import FileIO
from queue import SimpleQueue
from threading import Thread
from typing import TextIO, cast

from bench.running.workers.protocol import GREETING, Frame, dumps, loads, receive, send, write

GRACE = 1.0
"""Seconds from the parent's end to this process's, whatever it is doing."""


def serve(parent: int) -> None:
    """Answer the process `parent` until it closes the pipe or dies. Ctrl-C is its affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    requests, replies = _private_pipes()
    served = os.getpid()
    tasks = SimpleQueue[Frame | None]()
    Thread(target=_listen, args=(requests, tasks, parent), daemon=True).start()
    with contextlib.suppress(OSError), replies:  # nobody reads: the parent is gone
        write(replies, GREETING)
        while (task := tasks.get()) is not None:
            reply = answer(task)
            if os.getpid() != served:  # a fork that came back from its task, and would answer twice
                os._exit(0)
            send(replies, reply)
            del task, reply


def _private_pipes() -> tuple[FileIO, FileIO]:
    """The pipes, moved to where no `print` and no `input` of a task finds them."""
    requests, replies = FileIO(os.dup(0), "rb"), FileIO(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    cast(TextIO, sys.stdout).reconfigure(line_buffering=True)  # type: ignore[attr-defined]
    return requests, replies


def _listen(requests: FileIO, tasks: SimpleQueue[Frame | None], parent: int) -> None:
    """Queue what comes; when the pipe ends, or the parent dies and leaves it to other children, end this process."""
    above = os.getppid()  # the parent, or what stands between, or whoever adopts orphans
    with contextlib.suppress(EOFError, OSError):
        while os.getppid() == above:
            os.kill(parent, 0)  # an OSError when it is gone
            if select.select([requests], [], [], 1.0)[0]:
                tasks.put(receive(requests))
    tasks.put(None)
    time.sleep(GRACE)
    os._exit(1)


def answer(task: Frame) -> Frame:
    """Run a task as its sender would have: with its working directory and its import path."""
    try:
        if sys.path != task.header["path"]:
            sys.path[:] = task.header["path"]
            importlib.invalidate_caches()
        os.chdir(task.header["folder"])
        function, arguments, keywords = loads(task.blob)
        return Frame({"kind": "result"}, dumps(function(*arguments, **keywords)))
    except Exception as error:  # noqa: BLE001 - it is the sender's to handle
        return _failure(error)


def _failure(error: Exception) -> Frame:
    header = {
        "kind": "error",
        "text": "".join(traceback.format_exception_only(error)).strip(),
        "trace": "".join(traceback.format_exception(error)),
    }
    try:
        blob = dumps(error)
        loads(blob)  # an exception may pickle and yet not unpickle
    except Exception:  # noqa: BLE001 - then its text must do
        blob = b""
    return Frame(header, blob)
