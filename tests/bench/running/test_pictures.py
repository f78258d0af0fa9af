"""PNG files of kept images, read back: in the range, in the ball, and named by cell, position and labels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.tree import DecisionTreeClassifier

import bench
from bench.datasets import open_dataset
from bench.planning.suite import Suite
from bench.records.store import Store
from bench.running.exporting import SUMS, export

MNIST = open_dataset("mnist")
SUITE = Suite.model_validate(
    {
        "suite": "pictured",
        "dataset": {"name": "mnist"},
        "models": [],
        "attacks": [
            {"attack": "uniform-noise", "norm": "linf", "eps": [0.3]},
            {"attack": "gaussian-rubbish", "n": 8},
        ],
    }
)


def test_every_picture_is_within_its_ball_and_says_what_it_is(tmp_path: Path) -> None:
    x, y = MNIST.examples("test", np.arange(100)).reshape(100, -1), MNIST.labels("test")[:100]
    tree = DecisionTreeClassifier(max_depth=5, random_state=0).fit(x, y)
    bench.run(SUITE, models={"tree": tree}, out=tmp_path / "out", isolate=False, limit=60, save_examples=8)
    store, lines = Store(tmp_path / "out" / "results"), []
    export(store, tmp_path / "dest", lines.append, png=lambda id: MNIST)
    assert [line.partition(": ")[2] for line in lines] == ["generated inputs have no clean image to be rounded towards"]
    seen = 0
    for record in store.records().values():
        kept = store.examples(record)
        found = sorted((tmp_path / "dest" / "png").glob(f"*/*-{record.id[:12]}-*.png"))
        noise = record.cell.craft.attack.name == "uniform-noise"
        assert len(found) == (8 if noise else 0)
        for row, path in enumerate(found):
            assert kept is not None
            name = re.fullmatch(r"[a-z-]+-[0-9a-f]{12}-(\d{6})-true(\d)-given(-?\d+)\.png", path.name)
            assert name is not None
            assert (int(name[1]), int(name[3])) == (kept.index[row], kept.predicted[row])
            with Image.open(path) as image:
                assert (image.mode, image.size) == ("L", (28, 28))
                levels = np.asarray(image).astype(int)
            assert int(name[2]) == MNIST.labels("test")[kept.index[row]]
            clean = np.rint(MNIST.examples("test", kept.index[row : row + 1])[0, 0] * 255).astype(int)
            assert np.abs(levels - clean).max() <= 76  # 0.3 is 76.5 / 255: in whole numbers, without any slack
            seen += int((levels != clean).any())
    assert seen == 8
    assert "/tree-" in (tmp_path / "dest" / SUMS).read_text()


def test_without_the_dataset_there_are_none_and_it_says_so(tmp_path: Path) -> None:
    x, y = MNIST.examples("test", np.arange(30)).reshape(30, -1), MNIST.labels("test")[:30]
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(x, y)
    bench.run(SUITE, models={"tree": tree}, out=tmp_path / "out", isolate=False, limit=20, save_examples=4)
    lines: list[str] = []
    export(Store(tmp_path / "out" / "results"), tmp_path / "dest", lines.append, png=lambda id: "not at hand")
    assert len(lines) == 2
    assert all(line.endswith("not at hand") for line in lines)
    assert not (tmp_path / "dest" / "png").exists()
