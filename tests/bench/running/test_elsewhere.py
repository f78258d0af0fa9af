"""The same records by whoever runs the parts: this process, workers, threads, shards; and by those that die."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tiny_suites import SUITE, Dying, told
from torch import nn

import bench
from bench.planning.suite import Suite, parse_suite
from bench.running.merging import merge
from bench.running.shelf import Shelf


@pytest.fixture(scope="module")
def suite() -> Suite:
    return parse_suite(SUITE, "tiny.yaml")


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


def test_what_a_dead_process_had_is_done_again(
    suite: Suite, digits_net: nn.Module, expected: dict[str, str], tmp_path: Path
) -> None:
    pool = Dying({1, 4, 7})
    board = bench.run(suite, {"net": digits_net}, out=tmp_path, device="cpu", executor=pool)
    assert told(tmp_path) == expected
    assert board.failures == []


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
