"""Tasks in other processes: they come back as they would from here, and one that crashes takes no other with it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import registry
from bench.errors import UsageError
from bench.running.workers import LocalWorkers, RemoteError, Shared, WorkerCrashed, local, processes, shared
from bench.running.workers.devices import entries

ROOT = Path(__file__).parents[3]
BLOCKS = Path("/dev/shm")


@pytest.fixture(scope="module")
def two() -> Iterator[LocalWorkers]:
    with LocalWorkers(2, threads=1) as workers:
        yield workers


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


# -- what comes back --------------------------------------------------------------------------------------------------


def test_many_small_tasks(two: LocalWorkers) -> None:
    started = time.monotonic()
    futures = [two.submit(lambda i, *, power: (i**power, os.getpid()), i, power=2) for i in range(200)]
    results = [future.result() for future in futures]
    assert [value for value, _ in results] == [i**2 for i in range(200)]
    assert {pid for _, pid in results} <= set(processes()) - {os.getpid()}
    assert time.monotonic() - started < 5


def test_tasks_start_in_the_order_of_their_submission() -> None:
    with LocalWorkers(1) as one:
        starts = [future.result() for future in [one.submit(time.monotonic_ns) for _ in range(20)]]
    assert starts == sorted(starts)


def test_a_worker_loads_what_its_tasks_need_and_no_more() -> None:
    heavy = ["torch", "sklearn", "numpy", "pydantic", "IPython"]
    with LocalWorkers(1) as one:
        assert one.submit(lambda: [name for name in heavy if name in sys.modules]).result() == []


class Two(Exception):
    """Pickles, and does not unpickle."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


class Locked(Exception):
    """Does not pickle."""

    def __init__(self) -> None:
        super().__init__("locked")
        self.lock = threading.Lock()


def raises(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("task", "kind", "text"),
    [
        (lambda: raises(ValueError("bad", 3)), ValueError, r"\('bad', 3\)"),
        (lambda: raises(UsageError("give less")), UsageError, "give less"),
        (lambda: raises(Two("this", "that")), RemoteError, "Two: this and that"),
        (lambda: raises(Locked()), RemoteError, "Locked: locked"),
        (lambda: threading.Lock(), TypeError, "cannot pickle '_thread.lock'"),
    ],
    ids=["itself", "ours", "does not unpickle", "does not pickle", "result does not pickle"],
)
def test_an_exception_comes_back_with_the_place_it_came_from(
    two: LocalWorkers, task: Callable[[], Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text) as caught:
        two.submit(task).result()
    assert type(caught.value) is kind
    assert "Traceback" in str(caught.value.__cause__)


def test_arguments_that_do_not_pickle_are_that_tasks_error(two: LocalWorkers) -> None:
    with pytest.raises(TypeError, match="cannot pickle"):
        two.submit(print, threading.Lock()).result()


def test_what_tasks_print_and_read_goes_past_the_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    def chatter() -> str:
        sys.stdout.write("printed\n")
        os.write(1, b"written\n")
        subprocess.run(["echo", "by a child"], check=True)
        return sys.stdin.read()

    with LocalWorkers(1) as one:
        assert one.submit(chatter).result() == ""
        assert one.submit(lambda: 1).result() == 1
    out, err = capfd.readouterr()
    assert (out, sorted(err.splitlines())) == ("", ["by a child", "printed", "written"])


# -- crashes ----------------------------------------------------------------------------------------------------------


def leave_a_fork_with_the_pipe() -> None:
    if os.fork() == 0:
        time.sleep(5)
    os._exit(4)


@pytest.mark.parametrize(
    ("crash", "text"),
    [
        (lambda: sys.exit(0), "exit code 0"),
        (lambda: sys.exit(3), "exit code 3"),
        (lambda: os._exit(0), "exit code 0"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "SIGKILL"),
        (lambda: ctypes.string_at(0), "SIGSEGV"),
        (leave_a_fork_with_the_pipe, "exit code 4"),
        (lambda: os.closerange(3, 100), "exit code 0"),
    ],
    ids=["exit 0", "exit 3", "_exit 0", "killed", "segmentation fault", "a fork holds the pipe", "pipe closed"],
)
def test_a_crash_fails_its_task_and_no_other(two: LocalWorkers, crash: Callable[[], Any], text: str) -> None:
    before = [two.submit(lambda: time.sleep(0.05)) for _ in range(2)]
    crashed = two.submit(crash)
    after = [two.submit(int, i) for i in range(10)]
    with pytest.raises(WorkerCrashed, match=rf"worker \d+ .*{text} in the middle of a task"):
        crashed.result(timeout=30)
    assert [future.result() for future in (*before, *after)] == [None, None, *range(10)]
    assert eventually(lambda: len(processes()) == 2)


def test_a_fork_that_comes_back_from_its_task_answers_nothing() -> None:
    with LocalWorkers(1) as one:
        fork = one.submit(os.fork).result()
        assert fork > 0
        assert [one.submit(int, i).result() for i in range(5)] == list(range(5))
        assert eventually(lambda: not alive(fork))


def test_a_worker_that_dies_idle_is_replaced_in_silence() -> None:
    with LocalWorkers(1) as one:
        pid = one.submit(os.getpid).result()
        os.kill(pid, signal.SIGKILL)
        assert eventually(lambda: pid not in processes())
        assert one.submit(os.getpid).result() != pid


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


# -- what a worker is given -------------------------------------------------------------------------------------------


def everywhere(workers: LocalWorkers, count: int, folder: Path, task: Callable[[], Any]) -> list[Any]:
    """The task's result in each of the workers, which wait for each other."""

    def meet(i: int) -> Any:
        (folder / f"{i}").touch()
        assert eventually(lambda: len(list(folder.iterdir())) == count)
        return task()

    return [future.result() for future in [workers.submit(meet, i) for i in range(count)]]


def test_each_worker_sees_its_own_device_and_the_variables_of_all(tmp_path: Path) -> None:
    with LocalWorkers(3, devices=["4", "7"], environment={"SETTING": "on"}) as three:
        seen = everywhere(three, 3, tmp_path, lambda: (os.environ["CUDA_VISIBLE_DEVICES"], os.environ["SETTING"]))
    assert sorted(seen) == [("4", "on"), ("4", "on"), ("7", "on")]


@pytest.mark.parametrize(
    ("setting", "seen", "dealt"),
    [
        (None, 3, ["0", "1", "2"]),
        (None, 0, []),
        ("2,3", 2, ["2", "3"]),
        ("3, 2", 2, ["3", "2"]),
        ("MIG-8c1c,MIG-d0a9,GPU-5b32", 3, ["MIG-8c1c", "MIG-d0a9", "GPU-5b32"]),
        ("MIG-GPU-8c1c/1/0", 1, ["MIG-GPU-8c1c/1/0"]),
        ("1,-1,2", 1, ["1"]),
        ("5,9", 1, ["5"]),  # there is no ninth: what comes after it is seen by nobody
        ("", 0, []),
        ("-1", 0, []),
        ("4", 2, ["4"]),  # set after the devices were counted
    ],
)
def test_devices_are_dealt_by_the_entries_of_the_users_own_list(
    setting: str | None, seen: int, dealt: list[str]
) -> None:
    """By number from 0 on, workers would be given what somebody else was."""
    assert entries(setting, seen) == dealt


@given(st.lists(st.integers(0, 15), unique=True, max_size=6), st.integers(1, 9))
def test_no_worker_is_given_a_device_that_is_not_the_users(listed: list[int], count: int) -> None:
    devices = entries(",".join(map(str, listed)), len(listed))
    workers = LocalWorkers(count, devices=devices)
    seen = [own.get("CUDA_VISIBLE_DEVICES") for own in workers._pool._environments]
    assert seen == [str(listed[i % len(listed)]) if listed else None for i in range(count)]


@pytest.mark.parametrize(("count", "share"), [(1, 8), (3, 2), (9, 1)])
def test_the_cores_are_shared_out(count: int, share: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "cores", lambda: 8)
    with LocalWorkers(count) as workers:
        names = [f"{name}_NUM_THREADS" for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")]
        assert workers.submit(lambda: {os.environ[name] for name in names}).result() == {str(share)}


@pytest.mark.parametrize(
    ("variable", "quota", "share"),
    [
        ("", "max 100000", 8),
        ("3", "max 100000", 3),
        ("64", "max 100000", 8),
        ("4,2", "450000 100000", 4),
        ("6", "50000 100000", 1),
        ("0", "", 1),
    ],
)
def test_the_cores_are_those_that_this_process_may_use(
    variable: str, quota: str, share: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(local, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert local.cores() == share


@pytest.mark.slow
def test_libraries_keep_to_their_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")

    def counted() -> list[int]:
        import sklearn.svm  # noqa: F401 - loads OpenMP and OpenBLAS
        import threadpoolctl
        import torch

        return [torch.get_num_threads(), *(int(pool["num_threads"]) for pool in threadpoolctl.threadpool_info())]

    with LocalWorkers(1, threads=1) as one:
        assert set(one.submit(counted).result()) == {1}


def test_a_worker_imports_as_this_process_does_at_the_moment(
    two: LocalWorkers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two.submit(int).result()
    (tmp_path / "beside.py").write_text("value = 7")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def ask() -> tuple[int, str]:
        import beside

        return beside.value, os.getcwd()

    assert two.submit(ask).result() == (7, str(tmp_path))


def test_files_in_the_working_directory_are_not_taken_for_libraries(elsewhere: Path) -> None:
    for name in ("select", "json", "bench", "cloudpickle"):
        (elsewhere / f"{name}.py").write_text("raise SystemExit('not me')")
    with LocalWorkers(1) as one:
        assert one.submit(int, 5).result() == 5


def test_what_a_file_of_models_defines_goes_by_value(two: LocalWorkers, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class Model:\n    size = 3\n\ndef make():\n    return Model()\n")
    (registration,) = registry.from_file(f"{tmp_path / 'mine.py'}:make")
    sys.path.remove(str(tmp_path))
    made = two.submit(registration.offer).result()
    assert (type(made).__name__, made.size) == ("Model", 3)


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


# -- shared objects ---------------------------------------------------------------------------------------------------


def blocks() -> set[str]:
    return {path.name for path in BLOCKS.glob(f"potemkin-{os.getpid()}-*")}


def test_an_object_is_pickled_once_and_read_by_all(two: LocalWorkers, tmp_path: Path) -> None:
    arrays = {"x": np.arange(200_000.0), "y": np.asfortranarray(np.eye(3)), "none": np.zeros((0, 4)), "name": "digits"}

    def read(handle: Shared[dict[str, Any]]) -> tuple[float, list[list[float]], int, str, bool]:
        value = handle.get()
        return value["x"].sum(), value["y"].tolist(), len(value["none"]), value["name"], handle.get() is value

    with Shared.of(arrays) as handle:
        assert len(pickle.dumps(handle)) < 300
        for result in everywhere(two, 2, tmp_path, lambda: read(handle)):
            assert result == (arrays["x"].sum(), np.eye(3).tolist(), 0, "digits", True)


def test_writing_into_a_shared_array_stays_in_that_process(tmp_path: Path) -> None:
    def add(handle: Shared[np.ndarray]) -> float:
        value = handle.get()
        value += 1
        return float(value.sum())

    zeros = np.zeros(1000)
    with Shared.of(zeros) as handle, LocalWorkers(2) as workers:
        assert everywhere(workers, 2, tmp_path, lambda: add(handle)) == [1000.0, 1000.0]
        assert zeros.sum() == 0
        assert handle.get().sum() == 0


def raising() -> None:
    with Shared.of(b"x" * 100):
        assert blocks()
        raise KeyboardInterrupt


def forgotten() -> None:
    handle = Shared.of(b"x" * 100)
    assert blocks()
    del handle
    gc.collect()


def closed() -> None:
    handle = Shared.of(b"x" * 100)
    assert blocks()
    handle.close()
    handle.close()


@pytest.mark.parametrize("way", [raising, forgotten, closed])
def test_a_block_is_removed(way: Callable[[], None]) -> None:
    before = blocks()
    with contextlib.suppress(KeyboardInterrupt):
        way()
    assert blocks() == before


def test_what_is_closed_or_elsewhere_says_so(two: LocalWorkers) -> None:
    with Shared.of("closed") as handle:
        pass
    with pytest.raises(FileNotFoundError, match="closed, or of another machine"):
        two.submit(handle.get).result()


def test_bytes_in_the_handle_travel(two: LocalWorkers) -> None:
    before = blocks()
    handle = Shared.of(np.arange(5), inline=True)
    assert blocks() == before
    assert two.submit(lambda: int((handle.get() + 1).sum())).result() == 15


def nothing_at_all(*_: object, **__: object) -> None:
    raise FileNotFoundError("no /dev/shm")


def no_room(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("module", "name", "fault"), [(shared, "SharedMemory", nothing_at_all), (os, "posix_fallocate", no_room)]
)
def test_without_room_the_bytes_travel_too(
    two: LocalWorkers, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, fault: Callable[..., None]
) -> None:
    before = blocks()
    monkeypatch.setattr(module, name, fault)
    with Shared.of("anywhere") as handle:
        assert blocks() == before
        assert two.submit(handle.get).result() == "anywhere"


def test_a_block_that_somebody_has_changed_is_not_unpickled(two: LocalWorkers) -> None:
    with Shared.of("honest") as handle:
        path = BLOCKS / str(handle._block)
        data = path.read_bytes()
        path.write_bytes(data.replace(b"honest", b"sneaky"))
        with pytest.raises(ValueError, match="not what its owner wrote"):
            two.submit(handle.get).result()


def test_the_oldest_objects_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "CACHED", 2500)
    handles = [Shared.of(bytes(1000) + bytes([i])) for i in range(3)]
    first = [handle.get() for handle in handles]
    assert handles[2].get() is first[2]
    assert handles[1].get() is first[1]
    assert handles[0].get() is not first[0]


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
