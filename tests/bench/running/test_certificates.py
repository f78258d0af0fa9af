"""Certificates as cells of a run: they cost time, so nothing of them is lost, and without time nothing is proved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import RidgeClassifier

import bench
from bench.board.rows import WORST
from bench.datasets import open_dataset
from bench.exact.linear import LinearCertificate

SUITE = """\
suite: proved
dataset: {name: mnist-3v7}
attacks:
  - {attack: fgsm, norm: linf, eps: 0.02}
  - {attack: worst-case, norm: linf, sizes: [0.02]SECONDS}
rank_by: {eps: 0.02}
board: worst-case
"""


@pytest.fixture(scope="module")
def linear() -> RidgeClassifier:
    data = open_dataset("mnist-3v7")
    return RidgeClassifier(alpha=10).fit(
        data.examples("train", slice(500)).reshape(500, -1), data.labels("train")[:500]
    )


def carried_out(folder: Path, linear: RidgeClassifier, seconds: str = "") -> bench.Board:
    folder.mkdir(exist_ok=True)
    (folder / "proved.yaml").write_text(SUITE.replace("SECONDS", seconds))
    return bench.run(str(folder / "proved.yaml"), {"linear": linear}, device="cpu", out=folder / "out", limit=2000)


def results(folder: Path) -> dict[str, Any]:
    found = {path.name: json.loads(path.read_text()) for path in (folder / "out/results/cells").glob("*.json")}
    return {name: (plain["cell"], plain["result"]) for name, plain in found.items()}


def test_an_interrupted_certificate_loses_nothing_that_is_proved(
    tmp_path: Path, linear: RidgeClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove, asked = LinearCertificate.prove, list[int]()

    def counted(self: Any, structure: Any, x: Any, *rest: Any) -> Any:
        asked.append(len(x))
        if len(asked) == stop:
            raise KeyboardInterrupt
        return prove(self, structure, x, *rest)

    monkeypatch.setattr(LinearCertificate, "prove", counted)
    stop = 0
    carried_out(tmp_path / "whole", linear)
    batches, stop = list(asked), 4  # two parts of two batches each; the last one is broken off
    assert len(batches) == 4
    asked.clear()
    with pytest.raises(KeyboardInterrupt):
        carried_out(tmp_path / "broken", linear)
    stop = 0
    asked.clear()
    carried_out(tmp_path / "broken", linear)
    assert asked == batches[2:]  # the part that was there is not proved again
    assert results(tmp_path / "broken") == results(tmp_path / "whole")
    asked.clear()
    carried_out(tmp_path / "broken", linear)
    assert asked == []


def test_without_time_all_is_open_and_nothing_is_robust(tmp_path: Path, linear: RidgeClassifier) -> None:
    (worst,) = [row for row in carried_out(tmp_path, linear, ", seconds: 0").rows if row.attack == WORST]
    assert worst.status == "ok"
    assert worst.certified is None
    assert worst.open == worst.robust_accuracy
    assert worst.open is not None
    assert worst.open > 0
    board = (tmp_path / "out/leaderboard.md").read_text().partition("## proved")[2]
    line = next(line for line in board.splitlines() if line.startswith("|") and "linear" in line)
    assert line.split("|")[6].strip() == "-"
