"""An executor of worker processes on this machine."""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

from bench.errors import UsageError
from bench.running.workers.pool import Pool, Task

P = ParamSpec("P")
T = TypeVar("T")
THREADS = ("OMP", "MKL", "OPENBLAS", "BLIS", "VECLIB_MAXIMUM", "NUMEXPR", "NUMEXPR_MAX")
QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""A container's share of the cores: microseconds, or `max`, of each period."""


class LocalWorkers(Executor):
    """`count` processes that take tasks in the order of their submission.

    A worker that ends in the middle of a task, however it does, fails that task with `WorkerCrashed` and is replaced;
    the others go on. Leaving a `with` block by an exception kills the workers.
    """

    def __init__(
        self,
        count: int,
        *,
        threads: int | None = None,
        devices: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start nothing: the processes start with the first task.

        Args:
            count: how many.
            threads: of each; None shares out the cores.
            devices: CUDA devices, dealt to the workers in turn, each of which sees only its own.
            environment: variables of the workers beside those of this process.

        Raises:
            UsageError: `count` or `threads` is not positive.
        """
        threads = max(1, cores() // max(1, count)) if threads is None else threads
        if count < 1 or threads < 1:
            raise UsageError(f"{count} workers of {threads} threads; give one or more of each")
        common = {**{f"{name}_NUM_THREADS": str(threads) for name in THREADS}, "LOKY_MAX_CPU_COUNT": str(threads)}
        own = [{"CUDA_VISIBLE_DEVICES": devices[i % len(devices)]} if devices else {} for i in range(count)]
        self._pool = Pool([{**common, **device, **(environment or {})} for device in own])
        weakref.finalize(self, self._pool.close).atexit = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call. Function, arguments and result go by cloudpickle; they are pickled when a worker is free."""
        future: Future[T] = Future()
        self._pool.add(Task(future, fn, args, kwargs))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers when the tasks are done."""
        self._pool.close(cancel=cancel_futures)
        if wait:
            self._pool.join()

    def kill(self) -> None:
        """End the workers now. Tasks that run fail with `WorkerCrashed`, tasks that wait are cancelled."""
        self._pool.kill()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.shutdown()
        else:
            self.kill()


def cores() -> int:
    """How many cores this process may use: by its affinity, `OMP_NUM_THREADS` and the share of a container."""
    allowed = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    with contextlib.suppress(KeyError, ValueError):
        allowed.append(int(os.environ["OMP_NUM_THREADS"]))
    with contextlib.suppress(OSError, ValueError):
        share, period = QUOTA.read_text().split()
        allowed.append(int(share) // int(period))
    return max(1, min(allowed))
