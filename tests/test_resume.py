"""Killed at any moment and run again, a run ends with the same records as one that nobody disturbed."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import adapters

pytestmark = pytest.mark.slow

SUITE = """\
suite: tiny
dataset: {name: digits}
attacks:
  - {attack: fgsm, norm: linf, eps: [0.05, 0.1, 0.15, 0.2]}
  - {attack: fgsm, norm: l2, eps: [0.5, 1.0]}
  - {attack: iterated-fgsm, norm: linf, eps: [0.1, 0.2], steps: 5}
  - {attack: sign-noise, norm: linf, eps: [0.1, 0.2]}
  - {attack: gaussian-rubbish, n: 200}
rank_by: {eps: 0.2}
"""
CELLS = 24
MOMENTS = int(os.environ.get("BENCH_MOMENTS", "5"))
PRELOADED = [
    "torch",
    "sklearn.svm",
    "bench.running.runner",
    "bench.running.session",
    "bench.running.job",
    "bench.running.remote",
    "bench.datasets.digits",
    "bench.attacks.fgsm",
    "adapters.wrapping",
    "adapters.torch_module",
    "adapters.sklearn.svm",
]


def carry_out(folder: str, shard: tuple[int, int] | None = None) -> None:
    """One run of two guests, in a process of its own. Everything that it needs is made anew, always the same."""
    import torch
    from sklearn.svm import SVC

    import bench
    from bench.datasets import open_dataset

    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
    digits = open_dataset("digits")
    x, y = digits.examples("train", slice(0, 300)).reshape(300, -1), digits.labels("train")[:300]
    models = {"net": net, "svc": SVC(gamma=1.0).fit(x, y)}
    bench.run(f"{folder}/tiny.yaml", models, device="cpu", out=f"{folder}/out", shard=shard)


@pytest.fixture(scope="module")
def start() -> Callable[[Path], Any]:
    """Start a run in a child of a server that has the libraries loaded: an import takes longer than a run."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)

    def process(folder: Path) -> Any:
        folder.mkdir(exist_ok=True)
        (folder / "tiny.yaml").write_text(SUITE)
        child = context.Process(target=carry_out, args=(str(folder),))
        child.start()
        return child

    return process


def records(folder: Path) -> dict[str, str]:
    """What every record says of its cell and its result; how the run went is nobody's business."""
    found = {}
    for path in (folder / "out/results/cells").glob("*.json"):
        plain = json.loads(path.read_text())
        found[path.name] = json.dumps([plain["cell"], plain["result"]])
    return found


def wait_for(child: Any, folder: Path, count: int) -> None:
    """Until a run has published so many records: moments by progress come on busy and on idle machines alike."""
    cells = folder / "out/results/cells"
    while child.is_alive() and not (cells.is_dir() and len(list(cells.glob("*.json"))) >= count):
        time.sleep(0.0005)


def test_killed_at_any_moment(tmp_path: Path, start: Callable[[Path], Any]) -> None:
    whole = tmp_path / "whole"
    child = start(whole)
    child.join(60)
    expected = records(whole)
    assert child.exitcode == 0
    assert len(expected) == CELLS

    chance = random.Random(0)
    reached = []
    for number in range(MOMENTS):
        folder = tmp_path / str(number)
        child = start(folder)
        wait_for(child, folder, chance.randrange(CELLS))
        time.sleep(chance.uniform(0, 0.02))
        child.kill()
        child.join(60)
        partial = records(folder)  # readable, every one of them
        assert partial.items() <= expected.items()
        reached.append(len(partial))
        child = start(folder)
        child.join(60)
        assert child.exitcode == 0
        assert records(folder) == expected
        assert list((folder / "out/results/failures").iterdir()) == []
        assert not (folder / "out/results/set-aside").exists()
    assert any(0 < count < CELLS for count in reached), "no kill came while records were being written"


def test_two_runs_at_once_leave_one_record_a_cell(tmp_path: Path, start: Callable[[Path], Any]) -> None:
    both = [start(tmp_path), start(tmp_path)]
    for child in both:
        child.join(60)
    assert [child.exitcode for child in both] == [0, 0]
    assert len(records(tmp_path)) == CELLS
    assert [path.name for path in (tmp_path / "out/results/cells").iterdir() if path.name.startswith(".")] == []


SHARDED = SUITE.replace("name: digits", "name: digits, split: train").replace("steps: 5", "steps: 20")
"""Over 1,198 examples, so that cells have parts of several shards."""
SHARD_KILLS = int(os.environ.get("BENCH_SHARD_KILLS", "2"))
"""Times that each of three shards is killed."""


def test_three_shards_at_once_into_one_folder_each_killed_at_random(tmp_path: Path) -> None:
    """They come to the records of one run that nobody disturbed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    for folder in ("whole", "shards"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tiny.yaml").write_text(SHARDED)

    def start(folder: str, shard: tuple[int, int] | None = None) -> Any:
        child = context.Process(target=carry_out, args=(str(tmp_path / folder), shard))
        child.start()
        return child

    start("whole").join(120)
    expected = records(tmp_path / "whole")
    assert len(expected) == CELLS
    chance, kills = random.Random(2), dict.fromkeys(range(1, 4), 0)
    running = {number: start("shards", (number, 3)) for number in kills}
    while any(kills[number] < SHARD_KILLS for number in kills):
        time.sleep(chance.uniform(0, 0.4))
        number = chance.choice([number for number in kills if kills[number] < SHARD_KILLS])
        running[number].kill()
        running[number].join(60)
        kills[number] += 1
        running[number] = start("shards", (number, 3))
        assert records(tmp_path / "shards").items() <= expected.items()
    for number in kills:
        running[number].join(120)
        assert running[number].exitcode == 0
    last = start("shards", (1, 3))  # a shard killed between its last part and the record leaves that to any other
    last.join(120)
    assert records(tmp_path / "shards") == expected
    assert list((tmp_path / "shards/out/results/parts").iterdir()) == []


# -- inside a long job ------------------------------------------------------------------------------------------------

LONG = """\
suite: long
dataset: {name: mnist}
attacks:
  - {attack: iterated-fgsm, norm: linf, eps: 0.1, steps: 100}
"""
KILLS = int(os.environ.get("BENCH_KILLS", "4"))
"""Moments at which the long job is killed."""


def long_job(folder: str) -> None:
    """One attack of 100 steps on 10,000 examples, with a line in a log for every gradient asked for."""
    import torch

    import bench

    class Logged(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(784, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if x.requires_grad:
                with open(f"{folder}/log", "a") as file:
                    file.write(f"{len(x)}\n")
            out: torch.Tensor = self.layer(x.flatten(1))
            return out

    torch.set_num_threads(1)
    torch.manual_seed(0)
    bench.run(
        f"{folder}/long.yaml", {"net": adapters.wrap(Logged().eval(), version="1")}, device="cpu", out=f"{folder}/out"
    )


def asked(folder: Path) -> int:
    """Gradients asked for so far, in examples."""
    log = folder / "log"
    return sum(int(line) for line in log.read_text().split("\n")[:-1]) if log.exists() else 0


def test_a_kill_inside_a_long_job_costs_at_most_one_part(tmp_path: Path) -> None:
    """1,000 of 10,000 examples, however many steps each takes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    (tmp_path / "long.yaml").write_text(LONG)

    def start() -> Any:
        child = context.Process(target=long_job, args=(str(tmp_path),))
        child.start()
        return child

    whole, chance, lost = 100 * 10_000, random.Random(1), []
    for _ in range(KILLS):
        before = asked(tmp_path)
        child = start()
        aim = before + chance.randrange(1, 2 * whole // (KILLS + 2))
        aim = min(aim, sum(lost) + whole - 50_000)  # short of the end
        while child.is_alive() and asked(tmp_path) < aim:
            time.sleep(0.002)
        child.kill()
        child.join(60)
        kept = {json.loads(path.read_text())["number"] for path in (tmp_path / "out/results/parts").glob("*.json")}
        lost.append(asked(tmp_path) - sum(lost) - len(kept) * 1000 * 100)
    child = start()
    child.join(120)
    assert child.exitcode == 0
    assert list((tmp_path / "out/results/parts").iterdir()) == []
    twice = [examples / 100 for examples in lost]
    print("examples done twice, by kill:", twice)  # noqa: T201 - the measurement
    assert max(twice) <= 1100  # a part, and a few gradients of the sanity checks
    assert max(twice) > 0, "no kill came while a part was under way"
