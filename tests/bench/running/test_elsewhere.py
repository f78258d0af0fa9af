"""The same records by whoever runs the parts: this process, workers, threads, shards; and by those that die."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from known_models import DigitsNet
from torch import nn

import adapters
import bench
from bench.planning.suite import Suite, parse_suite
from bench.running.merging import merge
from bench.running.shelf import Shelf

SUITE = """\
suite: tiny
dataset: {name: digits, split: train}
models: [softmax-regression, decision-tree]
attacks:
  - {attack: fgsm, norm: linf, eps: [0.1, 0.2], sources: all}
  - {attack: iterated-fgsm, norm: l2, eps: [0.5, 1.0], steps: 3}
  - {attack: sign-noise, norm: linf, eps: [0.1]}
  - {attack: gaussian-rubbish, n: 1500}
rank_by: {eps: 0.2}
"""


@pytest.fixture(scope="module")
def suite() -> Suite:
    return parse_suite(SUITE, "tiny.yaml")


def told(out: Path) -> dict[str, str]:
    """What every record says of its cell and its result."""
    found = {}
    for path in (out / "results/cells").glob("*.json"):
        plain = json.loads(path.read_text())
        found[path.name] = json.dumps([plain["cell"], plain["result"], plain["sha256"]])
    return found


@pytest.fixture(scope="module")
def expected(suite: Suite, digits_net: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("here")
    board = bench.run(suite, {"net": digits_net}, out=out, device="cpu")
    assert board.failures == []
    assert list((out / "results/parts").iterdir()) == []
    return told(out)


@pytest.mark.slow
def test_workers_give_the_same_records(
    suite: Suite, digits_net: nn.Module, expected: dict[str, str], tmp_path: Path
) -> None:
    bench.run(suite, {"net": digits_net}, out=tmp_path, device="cpu", jobs=2)
    assert told(tmp_path) == expected


def test_any_executor_gives_the_same_records(
    suite: Suite, digits_net: nn.Module, expected: dict[str, str], tmp_path: Path
) -> None:
    with ThreadPoolExecutor(1) as pool:
        bench.run(suite, {"net": digits_net}, out=tmp_path, device="cpu", executor=pool)
    assert told(tmp_path) == expected


def test_shards_into_one_folder(suite: Suite, digits_net: nn.Module, expected: dict[str, str], tmp_path: Path) -> None:
    """The last one joins what the others made."""
    for shard in (2, 3, 1):
        assert told(tmp_path) != expected
        bench.run(suite, {"net": digits_net}, out=tmp_path, device="cpu", shard=(shard, 3))
    assert told(tmp_path) == expected
    assert list((tmp_path / "results/parts").iterdir()) == []


def test_shards_into_folders_of_their_own(
    suite: Suite, digits_net: nn.Module, expected: dict[str, str], tmp_path: Path
) -> None:
    outs = [tmp_path / str(shard) for shard in (1, 2)]
    for place, out in enumerate(outs):
        bench.run(suite, {"net": digits_net}, out=out, device="cpu", shard=(place + 1, 2))
        assert told(out) != expected
    into = Shelf(tmp_path / "all").own
    into.prepare()
    found = merge(into, [Shelf(out).own for out in outs], lambda line: None)
    assert (found.waiting, found.conflicts) == (0, [])
    assert found.joined > 0
    assert told(tmp_path / "all") == expected


class Dying(Executor):
    """Runs in this process, and now and then loses a task as if its process had died."""

    def __init__(self, lost: set[int]) -> None:
        self.lost, self.count = lost, 0

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.count += 1
        if self.count in self.lost:
            future.set_exception(OSError("the worker is gone"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


def test_what_a_dead_process_had_is_done_again(
    suite: Suite, digits_net: nn.Module, expected: dict[str, str], tmp_path: Path
) -> None:
    pool = Dying({1, 4, 7})
    board = bench.run(suite, {"net": digits_net}, out=tmp_path, device="cpu", executor=pool)
    assert told(tmp_path) == expected
    assert board.failures == []


def test_a_part_that_always_kills_its_process_fails_its_cells_and_no_other(
    digits_net: nn.Module, tmp_path: Path
) -> None:
    class Fatal(Dying):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            self.lost = {self.count + 1} if any(cell.target.name == "fatal" for cell in args[1].cells) else set()
            return super().submit(fn, *args, **kwargs)

    torch.manual_seed(1)
    models = {"net": digits_net, "fatal": DigitsNet().eval()}
    attacks = "suite: s\ndataset: {name: digits}\nattacks: [{attack: sign-noise, norm: linf, eps: 0.1}]"
    board = bench.run(parse_suite(attacks, "s.yaml"), models, out=tmp_path, device="cpu", executor=Fatal(set()))
    assert {(failure.cell.target.name, failure.kind) for failure in board.failures} == {("fatal", "crash")}
    assert "the worker is gone" in board.failures[0].message
    assert {row.status for row in board.of("net")} == {"ok"}


@pytest.mark.slow
@pytest.mark.thorough
def test_a_model_that_ends_its_process_takes_no_other_down(digits_net: nn.Module, tmp_path: Path) -> None:
    class Exits(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if os.environ.get("BENCH_PARENT") != str(os.getpid()) and len(x) > 2:
                os._exit(0)
            return x.flatten(1)[:, :10]

    os.environ["BENCH_PARENT"] = str(os.getpid())
    attacks = "suite: s\ndataset: {name: digits}\nattacks: [{attack: sign-noise, norm: linf, eps: 0.1}]"
    models = {"net": digits_net, "exits": Exits().eval()}
    board = bench.run(parse_suite(attacks, "s.yaml"), models, out=tmp_path, device="cpu", jobs=2)
    assert {(failure.cell.target.name, failure.kind) for failure in board.failures} == {("exits", "crash")}
    assert {row.status for row in board.of("net")} == {"ok"}


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")  # of a library that loses a worker
def test_a_dask_cluster_gives_the_same_records_though_a_worker_is_killed(
    suite: Suite, digits_net: nn.Module, expected: dict[str, str], tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    killed: list[int] = []

    def kill(victim: int) -> None:
        while not told(tmp_path):
            time.sleep(0.01)
        os.kill(victim, signal.SIGKILL)
        killed.append(len(told(tmp_path)))

    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        victim = sorted(client.run(os.getpid).values())[0]
        killer = Thread(target=kill, args=(victim,), daemon=True)
        killer.start()
        executor = client.get_executor(retries=2, pure=False)
        board = bench.run(suite, {"net": digits_net}, out=tmp_path, device="cpu", executor=executor)
        killer.join(10)
        assert victim not in client.run(os.getpid).values()
    assert 0 < killed[0] < len(expected)
    assert board.failures == []
    assert told(tmp_path) == expected


@pytest.fixture(autouse=True)
def no_parent() -> Iterator[None]:
    yield
    os.environ.pop("BENCH_PARENT", None)


class Failing:
    """Fails while it is told to, and answers otherwise; by its version one and the same model."""

    fails = True

    def __call__(self, x: np.ndarray) -> np.ndarray:
        if self.fails:
            raise ValueError("not today")
        return np.zeros(len(x), dtype=np.int64)


FAILING = "suite: f\ndataset: {name: digits, split: train}\nattacks: [{attack: sign-noise, norm: linf, eps: 0.1}]"


def test_failed_cells_are_tried_again_by_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one shard makes of them is there for the next, though they have failed before."""
    suite, models = parse_suite(FAILING, "f.yaml"), {"m": adapters.black_box(Failing(), version="1")}
    assert {failure.kind for failure in bench.run(suite, models, out=tmp_path, device="cpu").failures} == {"exception"}
    monkeypatch.setattr(Failing, "fails", False)
    for shard in ((1, 2), (2, 2)):
        board = bench.run(suite, models, out=tmp_path, device="cpu", rerun="failed", shard=shard)
    assert board.failures == []
    assert {row.status for row in board.rows} == {"ok"}


def test_parts_of_a_cell_that_failed_in_another_folder_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, models = parse_suite(FAILING, "f.yaml"), {"m": adapters.black_box(Failing(), version="1")}
    bench.run(suite, models, out=tmp_path / "1", device="cpu", shard=(1, 2))
    monkeypatch.setattr(Failing, "fails", False)
    bench.run(suite, models, out=tmp_path / "2", device="cpu", shard=(2, 2))
    into = Shelf(tmp_path / "all").own
    into.prepare()
    found = merge(into, [Shelf(tmp_path / name).own for name in ("1", "2")], lambda line: None)
    assert (found.waiting, found.joined) == (0, 0)
    assert found.failures > 0
    board = bench.run(suite, models, out=tmp_path / "all", device="cpu", rerun="failed", shard=(1, 2))
    assert board.failures == []
    assert {row.status for row in board.rows} == {"ok"}


def test_recomputing_is_of_whole_cells(suite: Suite, tmp_path: Path) -> None:
    with pytest.raises(bench.UsageError, match="leave out --shard"):
        bench.run(suite, out=tmp_path, device="cpu", rerun="all", shard=(1, 2))


def test_an_executor_that_breaks_is_told_of_in_a_line(suite: Suite, digits_net: nn.Module, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.shutdown()
        with pytest.raises(bench.UsageError, match="the executor takes no more work"):
            bench.run(suite, {"net": digits_net}, out=tmp_path, device="cpu", executor=pool)


def test_the_result_of_another_task_is_not_taken(
    suite: Suite, digits_net: nn.Module, expected: dict[str, str], tmp_path: Path
) -> None:
    class Swapping(Dying):
        before: Any = None

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future = super().submit(fn, *args, **kwargs)
            if self.count == 3 and self.before is not None:
                future = Future()
                future.set_result(self.before.result())
            self.before = future
            return future

    bench.run(suite, {"net": digits_net}, out=tmp_path, device="cpu", executor=Swapping(set()))
    assert told(tmp_path) == expected


def test_a_model_that_cannot_travel_is_named(suite: Suite, tmp_path: Path) -> None:
    class Locked:
        def __init__(self) -> None:
            self.lock = threading.Lock()

        def __call__(self, x: np.ndarray) -> np.ndarray:
            return np.zeros(len(x), dtype=np.int64)

    models = {"locked": adapters.black_box(Locked(), version="1")}
    with pytest.raises(bench.UsageError, match="model 'locked' cannot go to another process"):
        bench.run(parse_suite(FAILING, "f.yaml"), models, out=tmp_path, device="cpu", jobs=2)


def test_a_model_that_ends_the_program_fails_its_cells(digits_net: nn.Module, tmp_path: Path) -> None:
    models = {"net": digits_net, "exits": adapters.black_box(lambda x: sys.exit(0), version="1")}
    board = bench.run(parse_suite(FAILING, "f.yaml"), models, out=tmp_path, device="cpu")
    assert {failure.cell.target.name for failure in board.failures} == {"exits"}
    assert "SystemExit" in board.failures[0].message
    assert {row.status for row in board.of("net")} == {"ok"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"jobs": 0}, "jobs 0"),
        ({"jobs": 1.5}, "jobs 1.5"),
        ({"shard": (3, 2)}, r"shard \(3, 2\)"),
        ({"shard": (0, 2)}, r"shard \(0, 2\)"),
        ({"shard": "1/2"}, "shard '1/2'"),
        ({"shard": (1.5, 2)}, r"shard \(1.5, 2\)"),
        ({"executor": 5}, "executor is a int"),
        ({"executor": Dying(set()), "jobs": 2}, "leave out jobs"),
    ],
)
def test_bad_numbers_are_told_of(options: dict[str, Any], says: str, suite: Suite, tmp_path: Path) -> None:
    with pytest.raises(bench.UsageError, match=says):
        bench.run(suite, out=tmp_path, **options)
