"""The same records by whoever runs the parts: this process, workers, threads, shards; and by those that die."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from known_models import DigitsNet
from torch import nn

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


@pytest.mark.parametrize(
    ("options", "says"),
    [({"jobs": 0}, "jobs 0"), ({"shard": (3, 2)}, "shard 3/2"), ({"shard": (0, 2)}, "shard 0/2")],
)
def test_bad_numbers_are_told_of(options: dict[str, Any], says: str, suite: Suite, tmp_path: Path) -> None:
    with pytest.raises(bench.UsageError, match=says):
        bench.run(suite, out=tmp_path, **options)
