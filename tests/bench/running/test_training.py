"""The training examples that attacks are given: the dataset's own, read once, by those that ask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

import adapters
import bench
from adapters.base import Adapter
from adapters.errors import Unsupported
from bench.attacks import make_attack
from bench.datasets import Dataset, open_dataset
from bench.draws import Draws
from bench.running.world import World
from bench.threats import Threat


def dataset(*splits: str) -> tuple[Dataset, list[str]]:
    """Twelve bytes a split, and which splits were read."""
    read: list[str] = []

    def reader(split: str) -> tuple[np.ndarray, np.ndarray]:
        read.append(split)
        return np.arange(24, dtype=np.uint8).reshape(12, 1, 1, 2), np.arange(12) % 3

    sizes = dict.fromkeys(splits, 12)
    return Dataset("bytes", (1, 1, 2), ("a", "b", "c"), sizes, "0" * 64, reader, divisor=10.0), read


def nobody(name: str) -> Adapter:
    raise AssertionError(name)


def test_they_are_the_training_split_class_after_class_in_the_datasets_units() -> None:
    data, read = dataset("train", "test")
    world = World(data, nobody, "cpu")
    assert read == []
    pool = world.training()
    assert pool.classes.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert pool.points[:4].tolist() == torch.tensor([[0.0, 0.1], [0.6, 0.7], [1.2, 1.3], [1.8, 1.9]]).tolist()
    assert world.training() is pool
    assert read == ["train"]


def test_a_dataset_without_them_says_so() -> None:
    data, read = dataset("test")
    with pytest.raises(Unsupported, match="dataset 'bytes' has no train split"):
        World(data, nobody, "cpu").training()
    assert read == []


def test_an_attack_that_does_not_ask_reads_none() -> None:
    data, read = dataset("train", "test")
    x = torch.rand(3, 1, 1, 2)
    drawn = Draws((0,), np.arange(3), World(data, nobody, "cpu").training)
    budgets = [Threat(norm="linf", eps=0.1)]
    list(make_attack("sign-noise", {}).craft(None, x, torch.zeros(3).long(), None, budgets, drawn))  # type: ignore[arg-type]
    assert read == []


SUITE = """
suite: training
dataset: {name: digits, split: test}
models: []
attacks:
  - {attack: projection, norm: linf, eps: 0.2, points: 2}
  - {attack: training-rays, norm: linf, queries: 20}
  - {attack: worst-case, norm: l2}
rank_by: {worst_of: all, eps: 0.2}
"""


def test_a_neighbours_model_in_a_run(tmp_path: Path) -> None:
    """The judge takes what each proposes; the exact answer, in Euclidean length, is found of every example."""
    digits = open_dataset("digits")
    x, y = digits.examples("train", slice(None)).reshape(-1, 64), digits.labels("train")
    suite = tmp_path / "training.yaml"
    suite.write_text(SUITE)
    model = adapters.wrap(KNeighborsClassifier(1).fit(x, y))
    board = bench.run(str(suite), models={"nearest": model}, limit=60, out=tmp_path / "out")
    rows = {row.attack: row for row in board.rows if row.model == "nearest"}
    assert {row.status for row in rows.values()} == {"ok"}
    assert rows["projection"].error is not None
    assert rows["projection"].error > 0.05
    assert rows["worst-case"].error == 1.0
