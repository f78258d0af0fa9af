"""Smoothed models in a run: judged blind as any other, certified with an error probability, kept in records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import adapters
import bench
from adapters.base import Adapter
from bench.board.rows import WORST
from bench.running.metered import Metered

SUITE = """\
suite: smooth
dataset: {name: digits}
attacks:
  - {attack: pgd, norm: l2, eps: [0.1, 0.5], screen: 4, restarts: 0}
  - {attack: uniform-noise, norm: l2, eps: [0.1, 0.5]}
  - {attack: worst-case, norm: l2}
rank_by: {norm: l2, eps: 0.1}
board: worst-case
"""


def centroids() -> Any:
    """A linear classifier of the digits, by its classes' means."""
    from bench.datasets import open_dataset

    data = open_dataset("digits")
    x, y = data.examples("train", slice(None)).reshape(-1, 64), data.labels("train")
    means = torch.from_numpy(np.stack([x[y == k].mean(0) for k in range(10)]))
    layer = torch.nn.Linear(64, 10)
    layer.weight.data[:], layer.bias.data[:] = 8 * means, -4 * means.square().sum(1)
    return torch.nn.Sequential(torch.nn.Flatten(), layer).eval()


def test_a_run(tmp_path: Path) -> None:
    (tmp_path / "smooth.yaml").write_text(SUITE)
    model = adapters.smoothed(centroids(), sigma=0.25, n=200)
    board = bench.run(str(tmp_path / "smooth.yaml"), {"s": model}, out=tmp_path / "out", limit=60, device="cpu")
    assert board.failures == []
    assert board.unranked == {}
    (worst,) = [row for row in board.rows if row.attack == WORST]
    assert worst.status == "ok"
    assert worst.certified_risk == 0.001
    assert 0.3 < worst.certified <= worst.robust_accuracy < 1
    assert "(0.001)" in str(board)
    results = [json.loads(path.read_text())["result"] for path in (tmp_path / "out/results/cells").glob("*.json")]
    assert sorted(str(result.get("risk")) for result in results) == ["0.001", "None", "None", "None", "None", "None"]
    again = bench.run(str(tmp_path / "smooth.yaml"), {"s": model}, out=tmp_path / "out", limit=60, rerun="all")
    assert (again.failures, [row.certified for row in again.rows]) == ([], [row.certified for row in board.rows])


class Wavering(Adapter):
    """Answers at random."""

    family, gradient, stochastic = "wavering", "none", True

    def _outputs(self, x: Tensor) -> Any:
        raise NotImplementedError

    def _state(self) -> Any:
        return ()


def test_attacks_are_told_that_a_model_answers_at_random() -> None:
    """Or they would take one answer for its last word, and nobody would average."""
    model = Wavering(input_shape=None, classes=None)
    assert Metered(model).stochastic
    model.stochastic = False
    assert not Metered(model).stochastic
