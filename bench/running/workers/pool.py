"""A queue of tasks, and threads that see to it that each worker has one."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from subprocess import TimeoutExpired
from threading import Condition, Thread, current_thread
from typing import Any, NamedTuple

from bench.running.workers.process import RemoteError, Worker, WorkerCrashed
from bench.running.workers.protocol import Frame, dumps, loads

GRACE = 3.0
"""Seconds from asking killed workers to end until they have to."""


class Task(NamedTuple):
    future: Future[Any]
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]

    def run(self, worker: Worker) -> Any:
        header = {"kind": "call", "path": list(map(str, sys.path)), "folder": os.getcwd()}
        reply = worker.ask(Frame(header, dumps((self.function, self.arguments, self.keywords))))
        if reply.header["kind"] == "result":
            return loads(reply.blob)
        try:
            error: Exception = loads(reply.blob) if reply.blob else RemoteError(reply.header["text"])
        except Exception:  # noqa: BLE001 - it unpickled there, and not here
            error = RemoteError(reply.header["text"])
        error.__cause__ = RemoteError(f"in a worker\n\n{reply.header['trace']}")
        raise error


class Pool:
    """The queue, and for each worker a thread, which holds this and not the executor: that one can be collected."""

    def __init__(self, environments: Sequence[Mapping[str, str]]) -> None:
        self.workers: list[Worker | None] = [None] * len(environments)
        self._environments = environments
        self._tasks: deque[Task] = deque()
        self._changed = Condition()  # over an RLock: a signal handler may kill while its thread adds
        self._closed = self._killed = False
        self._threads: list[Thread] = []
        self._owner = os.getpid()
        _pools.add(self)

    def add(self, task: Task) -> None:
        with self._changed:
            if self._closed:
                raise RuntimeError("the workers are shut down")
            self._tasks.append(task)
            if not self._threads:
                self._threads = [Thread(target=self._serve, args=(i,), daemon=True) for i in range(len(self.workers))]
                for thread in self._threads:
                    thread.start()
            self._changed.notify()

    def close(self, *, cancel: bool = False) -> None:
        with self._changed:
            self._closed = True
            dropped = list(self._tasks) if cancel else []
            if cancel:
                self._tasks.clear()
            self._changed.notify_all()
        for task in dropped:
            if task.future.cancel():
                task.future.set_running_or_notify_cancel()

    def join(self, seconds: float | None = None) -> None:
        for thread in self._threads:
            if thread is not current_thread():
                thread.join(seconds)

    def kill(self) -> None:
        if os.getpid() != self._owner:  # a fork of it, which owns nothing
            return
        with self._changed:
            self._killed = True
            workers = [worker for worker in self.workers if worker is not None]
        self.close(cancel=True)
        for worker in workers:
            worker.process.terminate()
        deadline = time.monotonic() + GRACE
        for worker in workers:
            try:
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            except TimeoutExpired:
                worker.process.kill()
        self.join(GRACE)

    def _serve(self, slot: int) -> None:
        """A thread's life: keep the worker of a slot alive and give it tasks."""
        while True:
            with contextlib.suppress(OSError, WorkerCrashed):
                self._worker(slot)  # before there is a task, which need not wait for it then
            task = self._next()
            if task is None:
                break
            try:
                result = task.run(self._worker(slot))
            except BaseException as error:  # noqa: BLE001 - it is the caller's to handle
                task.future.set_exception(error)
            else:
                task.future.set_result(result)
                del result
            del task  # else it lived on until the next one
        worker = self.workers[slot]
        if worker is not None:
            worker.stop()

    def _worker(self, slot: int) -> Worker:
        """The living worker of a slot, a new one where it has died."""
        with self._changed:  # nothing starts between a kill's decision and its end
            worker = self.workers[slot]
            if worker is None or not worker.alive:
                if worker is not None:
                    worker.stop()
                if self._killed:
                    raise WorkerCrashed("the workers were killed")
                worker = self.workers[slot] = Worker(self._environments[slot])
            return worker

    def _next(self) -> Task | None:
        """The next task that nobody has cancelled; None when there will be no more."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._tasks or self._closed)
                if not self._tasks:
                    return None
                task = self._tasks.popleft()
                if task.future.set_running_or_notify_cancel():
                    return task


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def processes() -> list[int]:
    """The process ids of all living workers."""
    return [worker.process.pid for pool in list(_pools) for worker in pool.workers if worker and worker.alive]


@atexit.register
def _kill_all() -> None:
    for pool in list(_pools):
        pool.kill()
