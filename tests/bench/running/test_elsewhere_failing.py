"""Failures wherever parts are run: tried again, kept, told of in a line, and of no other model."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from known_models import DigitsNet
from tiny_suites import FAILING, Dying, Failing
from torch import nn

import adapters
import bench
from bench.planning.suite import parse_suite
from bench.running.merging import merge
from bench.running.shelf import Shelf


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


@pytest.fixture(autouse=True)
def no_parent() -> Iterator[None]:
    yield
    os.environ.pop("BENCH_PARENT", None)


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


def test_a_model_that_cannot_travel_is_named(tmp_path: Path) -> None:
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
