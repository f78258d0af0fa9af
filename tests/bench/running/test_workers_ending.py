"""Tasks in other processes: what is cancelled, how an executor ends, and programs that leave nothing behind."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, as_completed
from pathlib import Path

import pytest
from outliving import BLOCKS, alive, busy, eventually

from bench.errors import UsageError
from bench.running.workers import LocalWorkers, WorkerCrashed, processes

ROOT = Path(__file__).parents[3]


# -- cancelling and ending --------------------------------------------------------------------------------------------


def test_tasks_that_wait_can_be_cancelled(tmp_path: Path) -> None:
    go = tmp_path / "go"
    with LocalWorkers(1) as one:
        running = one.submit(lambda: eventually(go.exists))
        assert eventually(running.running)
        waiting, last = one.submit(int, 1), one.submit(int, 2)
        assert not running.cancel()
        assert waiting.cancel()
        go.touch()
        assert running.result()
        assert last.result() == 2
        assert {future.cancelled() for future in as_completed([waiting, last], timeout=5)} == {True, False}


def test_shutdown_finishes_what_it_does_not_cancel(tmp_path: Path) -> None:
    one = LocalWorkers(1)
    slow = one.submit(time.sleep, 0.2)
    assert eventually(slow.running)
    waiting = one.submit(int, 1)
    one.shutdown(wait=False)
    with pytest.raises(RuntimeError, match="shut down"):
        one.submit(int, 2)
    assert waiting.result(timeout=10) == 1
    one.shutdown()

    one = LocalWorkers(1)
    slow = one.submit(time.sleep, 0.2)
    assert eventually(slow.running)
    waiting = one.submit(int, 1)
    one.shutdown(cancel_futures=True)
    assert (slow.result(), waiting.cancelled()) == (None, True)


def test_an_executor_that_nobody_holds_ends_when_its_tasks_are_done(two: LocalWorkers) -> None:
    pid = LocalWorkers(1).submit(os.getpid).result()
    gc.collect()
    assert eventually(lambda: not alive(pid))


def test_nothing_starts_before_the_first_task(two: LocalWorkers) -> None:
    before = processes()
    with LocalWorkers(3):
        assert processes() == before


def kills(workers: LocalWorkers) -> None:
    workers.kill()


def leaves_by_an_exception(workers: LocalWorkers) -> None:
    with pytest.raises(KeyboardInterrupt), workers:
        raise KeyboardInterrupt


@pytest.mark.parametrize("end", [kills, leaves_by_an_exception])
def test_killing_is_prompt(tmp_path: Path, end: Callable[[LocalWorkers], None]) -> None:
    one = LocalWorkers(1)
    running, waiting = one.submit(busy, tmp_path / "busy"), one.submit(int)
    assert eventually((tmp_path / "busy").exists)
    started = time.monotonic()
    end(one)
    assert time.monotonic() - started < 2
    with pytest.raises(WorkerCrashed, match="SIGTERM"):
        running.result(timeout=0)
    with pytest.raises(CancelledError):
        waiting.result(timeout=0)
    with pytest.raises(RuntimeError):
        one.submit(int)


@pytest.mark.slow
def test_killing_does_not_ask_twice(tmp_path: Path) -> None:
    def deaf() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        busy(tmp_path / "busy")

    one = LocalWorkers(1)
    running = one.submit(deaf)
    assert eventually((tmp_path / "busy").exists)
    one.kill()
    with pytest.raises(WorkerCrashed, match="SIGKILL"):
        running.result(timeout=0)


@pytest.mark.parametrize("bad", [{"count": 0}, {"count": -1}, {"count": 1, "threads": 0}])
def test_nonsense_is_refused(bad: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="one or more of each"):
        LocalWorkers(**bad)


# -- programs of any kind ---------------------------------------------------------------------------------------------

PROGRAM = """
import os
from bench.running.workers import LocalWorkers, processes

class Point:
    def __init__(self, x):
        self.x = x

FACTOR = 3

def triple(point):
    import neighbour
    return Point(FACTOR * point.x + neighbour.ZERO)

workers = LocalWorkers(2)
points = list(workers.map(triple, [Point(1), Point(2)]))
assert all(type(point) is Point for point in points)
print(os.getpid(), *[point.x for point in points], *processes())
"""
ABRUPT = PROGRAM + "workers.submit(__import__('time').sleep, 600); raise SystemExit(1)"


def run(folder: Path, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """A program in a session, and so a process group, of its own."""
    return subprocess.run(
        [sys.executable, *arguments],
        input=text,
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
    )


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])}


@pytest.mark.parametrize("way", ["a file without a main guard", "standard input", "-c", "a module", "an abrupt end"])
def test_programs_of_any_kind_have_workers_and_leave_none(tmp_path: Path, way: str) -> None:
    (tmp_path / "neighbour.py").write_text("ZERO = 0")
    (tmp_path / "program.py").write_text(ABRUPT if way == "an abrupt end" else PROGRAM)
    if way == "standard input":
        done = run(tmp_path, "-", text=PROGRAM)
    else:
        done = run(tmp_path, *{"-c": ["-c", PROGRAM], "a module": ["-m", "program"]}.get(way, ["program.py"]))
    assert (done.returncode, done.stderr) == (int(way == "an abrupt end"), "")
    _, *values = map(int, done.stdout.split())
    assert values[:2] == [3, 6]
    assert len(values) == 4
    assert not any(map(alive, values[2:]))


ORPHANS = """
import os, sys, time
from bench.running.workers import LocalWorkers, Shared, processes

def spin():
    open(f"started-{os.getpid()}", "w")
    while True:
        pass

workers = LocalWorkers(3)
shared = Shared.of(list(range(1000)))
for _ in range(2):
    workers.submit(spin)
while len([name for name in os.listdir() if name.startswith("started")]) < 2:
    time.sleep(0.02)
fork = os.fork() if sys.argv[1] == "fork" else -1
if fork == 0:  # it holds the pipes to the workers for as long as it lives
    time.sleep(600)
    os._exit(0)
print(fork, shared._block, *processes(), file=open("telling", "w"), flush=True)
os.rename("telling", "told")
time.sleep(600)
"""


@pytest.mark.parametrize("how", ["alone", "fork"])
def test_killing_the_parent_leaves_no_worker_and_no_memory(tmp_path: Path, how: str) -> None:
    (tmp_path / "program.py").write_text(ORPHANS)
    program = subprocess.Popen(
        [sys.executable, "program.py", how],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert eventually((tmp_path / "told").exists)
        fork, block, *pids = (tmp_path / "told").read_text().split()
        assert len(pids) == 3
        assert (BLOCKS / block).exists()
        program.kill()
        program.wait()
        assert eventually(lambda: not any(alive(int(pid)) for pid in pids))
        if how == "fork":
            os.kill(int(fork), signal.SIGKILL)
        assert eventually(lambda: not (BLOCKS / block).exists())
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)


CTRL_C = """
import os, signal, sys, time
from bench.running.workers import LocalWorkers

heard = []
signal.signal(signal.SIGINT, lambda *_: heard.append(1))
with LocalWorkers(2) as workers:
    futures = [workers.submit(lambda: time.sleep(0.3)) for _ in range(4)]
    for _ in range(15):  # while Python starts there, and while tasks run
        os.killpg(0, signal.SIGINT)
        time.sleep(0.03)
    assert [future.result() for future in futures] == [None] * 4
print(len(heard))
"""


def test_ctrl_c_is_the_parents_affair(tmp_path: Path) -> None:
    done = run(tmp_path, "-c", CTRL_C)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 5


LEFT_OPEN = """
import numpy as np
from bench.running.workers import LocalWorkers, Shared

shared = Shared.of(np.ones(100_000))
workers = LocalWorkers(2)
assert [workers.submit(lambda: shared.get().sum()).result() for _ in range(4)] == [1e5] * 4
print(shared._block)
{end}
"""


@pytest.mark.parametrize("end", ["", "raise SystemExit(0)", "workers.shutdown()", "del shared"])
def test_a_program_that_closes_nothing_leaks_nothing(tmp_path: Path, end: str) -> None:
    done = run(tmp_path, "-c", LEFT_OPEN.format(end=end))
    assert (done.returncode, done.stderr) == (0, "")
    assert not (BLOCKS / done.stdout.strip()).exists()
