"""What the tests of worker processes share: whether a process lives, and waiting until something holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.running.workers import LocalWorkers

BLOCKS = Path("/dev/shm")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def busy(started: Path) -> None:
    """A task that never ends, and says that it has begun."""
    started.touch()
    time.sleep(600)


def everywhere(workers: LocalWorkers, count: int, folder: Path, task: Callable[[], Any]) -> list[Any]:
    """The task's result in each of the workers, which wait for each other."""

    def meet(i: int) -> Any:
        (folder / f"{i}").touch()
        assert eventually(lambda: len(list(folder.iterdir())) == count)
        return task()

    return [future.result() for future in [workers.submit(meet, i) for i in range(count)]]
