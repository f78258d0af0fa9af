"""Tasks in other processes: they come back as they would from here, and one that crashes takes no other with it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from outliving import alive, eventually, everywhere

from adapters import registry
from bench.errors import UsageError
from bench.running.workers import LocalWorkers, RemoteError, WorkerCrashed, local, processes
from bench.running.workers.devices import entries

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
