"""Runs that are interrupted, repeated, compared with what is there, and started from Python."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from carried import NOISE, OWN, carry_out
from handmade import suite_of
from known_models import Answering
from torch import Tensor, nn

import adapters
import bench
from bench.datasets import Dataset, open_dataset
from bench.errors import UsageError
from bench.planning.plan import expand, jobs
from bench.progress import Progress
from bench.records.store import Store
from bench.running.roster import Models
from bench.running.runner import Runner, Summary
from bench.running.world import World

# -- interruption -----------------------------------------------------------------------------------------------------


def interrupting(net: nn.Module, at: set[int]) -> Answering:
    """A model that presses Ctrl-C while it is asked for the n-th time."""
    calls = iter(range(10_000))

    def answer(x: Tensor) -> Tensor:
        if next(calls) in at:
            os.kill(os.getpid(), signal.SIGINT)
        return net(x).argmax(1)

    return Answering(answer)


def test_ctrl_c_finishes_the_job_at_hand(digits: Dataset, digits_net: nn.Module, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    models = {"net": digits_net, "mute": interrupting(digits_net, at={2})}
    ran = carry_out(models, digits, tmp_path)
    assert ran.summary.interrupted
    done = [record.cell for record in ran.records.values() if record.result.status == "ok"]
    assert {(item.target.name, item.craft.attack.name) for item in done} == {("net", "clean"), ("mute", "clean")}
    assert signal.getsignal(signal.SIGINT) is before
    again = carry_out(models, digits, tmp_path)
    assert not again.summary.interrupted
    assert {row.status for row in again.rows} == {"ok", "unsupported"}


def test_a_second_ctrl_c_stops_at_once(digits: Dataset, digits_net: nn.Module, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        carry_out({"mute": interrupting(digits_net, at={2, 3})}, digits, tmp_path, NOISE)
    assert signal.getsignal(signal.SIGINT) is before
    assert list((tmp_path / "cells").iterdir()) == []


# -- again ------------------------------------------------------------------------------------------------------------


def lying(net: nn.Module, moved: int) -> Any:
    """The same version, but other labels for some examples: what only a second run can find out."""

    first = open_dataset("digits").examples("test", slice(0, moved))

    def predict(x: np.ndarray) -> np.ndarray:
        labels = net(torch.from_numpy(x)).argmax(1).numpy()
        hit = (x[:, None] == first[None]).all(axis=(2, 3, 4)).any(axis=1)
        labels[hit] = (labels[hit] + 1) % 10
        return labels

    return adapters.black_box(predict, version="1")


@pytest.mark.parametrize(
    ("moved", "outcome"), [(0, (1, 0, 0)), (3, (0, 1, 0)), (4, (0, 0, 1))], ids=["same", "near ties", "conflict"]
)
def test_recomputing_compares_and_overwrites_nothing(
    moved: int, outcome: tuple[int, int, int], digits: Dataset, digits_net: nn.Module, elsewhere: Path
) -> None:
    store = Store(elsewhere)
    store.prepare()
    runs: list[Summary] = []
    first: list[bytes] = []
    for count in (0, moved):
        shelf = Models(digits, "cpu")
        shelf.add_guest("m", lambda count=count: lying(digits_net, count))
        cells = [item.cell for item in expand(suite_of(NOISE, ["m"]), digits, {"m": shelf.info("m")}, {})][:1]
        runs.append(Runner(store, Progress()).run(jobs(cells), World(digits, shelf.adapter, "cpu", batch=1000)))
        texts = [path.read_bytes() for path in (elsewhere / "cells").iterdir()]
        first = texts if len(runs) == 1 else first
    assert texts == first
    again = runs[1]
    assert (again.same, len(again.near_ties), len(again.conflicts)) == outcome
    assert [found for _, found in [*again.near_ties, *again.conflicts]] == ([moved] if moved else [])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "gpu"}, "device 'gpu': give auto, cpu or cuda"),
        ({"budget": "slow"}, "budget 'slow': give full or quick"),
        ({"limit": 0}, "limit 0: give at least 1"),
        ({"models": "net"}, "models is a str"),
        ({"models": 3}, "models is a int"),
        ({"models": {}}, "models is {}, which names none: give names to models, .* or None for the suite's own"),
        ({"models": []}, r"models is \[\], which names none"),
        ({"models": [3]}, "models holds a int: give names to models"),
        ({"rerun": "everything"}, "rerun 'everything': give failed or all"),
        ({"progress": "verbose"}, "progress 'verbose': give auto, plain or none"),
    ],
)
def test_bad_input_from_python_is_one_line(options: dict[str, Any], message: str, elsewhere: Path) -> None:
    with pytest.raises(UsageError, match=message):
        bench.run("digits-fgsm", **options)


def test_an_unknown_argument_from_python_is_an_error(elsewhere: Path) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'modles'"):
        bench.run("digits-fgsm", **{"modles": {}})


def test_from_python(digits_net: nn.Module, digits_svc: Any, elsewhere: Path) -> None:
    """`bench.run` with guests by name: run, resume, and the board."""
    path = elsewhere / "tiny.yaml"
    path.write_text(f"suite: tiny\ndataset: {{name: digits}}\nrank_by: {{eps: 0.2}}\nattacks:\n{OWN}\n")
    board = bench.run(str(path), {"net": digits_net, "svc": lambda: digits_svc}, device="cpu", out="out")
    assert {row.model for row in board.rows} == {"net", "svc"}
    assert board.failures == []
    assert {row.status for row in board.rows} == {"ok"}
    assert {row.gradient for row in board.of("svc")} == {"exact"}
    assert "| net" in str(board)
    before = {file.name: file.stat().st_mtime_ns for file in (elsewhere / "out/results/cells").iterdir()}
    again = bench.run(str(path), {"net": digits_net, "svc": digits_svc}, device="cpu", out="out")
    assert again.rows == board.rows
    assert {file.name: file.stat().st_mtime_ns for file in (elsewhere / "out/results/cells").iterdir()} == before
    assert "tiny" in (elsewhere / "out/leaderboard.md").read_text()
