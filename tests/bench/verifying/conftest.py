"""A tree, a folder of its results, and a copy of that which a test may change."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from folders_of_results import DIGITS, SUITE
from sklearn.tree import DecisionTreeClassifier

import bench
from bench.records.store import Store


@pytest.fixture(scope="session")
def tree() -> DecisionTreeClassifier:
    x, y = DIGITS.examples("train", np.arange(400)).reshape(400, -1), DIGITS.labels("train")[:400]
    return DecisionTreeClassifier(max_depth=6, random_state=0).fit(x, y)


@pytest.fixture(scope="session")
def results(tree: DecisionTreeClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    bench.run(SUITE, models={"tree": tree}, out=out, isolate=False, save_examples=20)
    return out / "results"


@pytest.fixture
def store(results: Path, tmp_path: Path) -> Store:
    shutil.copytree(results, tmp_path / "results")
    return Store(tmp_path / "results")
