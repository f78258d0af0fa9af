"""Adversarial inputs survive parts, workers, shards, resume and merge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

import bench
from bench.datasets import open_dataset
from bench.errors import UsageError
from bench.planning.suite import Suite
from bench.progress import quiet
from bench.records.record import Record
from bench.records.store import Store
from bench.running.keeping import ALL, number_of
from bench.running.merging import merge

SUITE = Suite.model_validate(
    {
        "suite": "kept",
        "dataset": {"name": "digits", "split": "train"},
        "models": [],
        "attacks": [{"attack": "uniform-noise", "norm": "linf", "eps": [0.3]}, {"attack": "gaussian-rubbish", "n": 30}],
    }
)
"""Of 1,198 examples: two parts."""


@pytest.fixture(scope="module")
def tree() -> DecisionTreeClassifier:
    digits = open_dataset("digits")
    x, y = digits.examples("train", np.arange(300)).reshape(300, -1), digits.labels("train")[:300]
    return DecisionTreeClassifier(max_depth=6, random_state=0).fit(x, y)


def ran(tree: DecisionTreeClassifier, out: Path, **options: object) -> tuple[Store, list[Record]]:
    bench.run(SUITE, models={"tree": tree}, out=out, isolate=False, **options)  # type: ignore[arg-type]
    store = Store(out / "results")
    return store, sorted(store.records().values(), key=lambda record: record.id)


@pytest.fixture(scope="module")
def sixteen(tree: DecisionTreeClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sixteen")
    ran(tree, out)
    return out


def files(store: Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((store.folder / "examples").glob("*"))}


def test_sixteen_of_each_attack_are_kept_as_the_target_saw_them(sixteen: Path) -> None:
    store, digits = Store(sixteen / "results"), open_dataset("digits")
    for record in store.records().values():
        kept = store.examples(record)
        if record.cell.craft.attack.name == "clean":
            assert kept is None
            continue
        assert kept is not None
        assert kept.adversarial.shape == (16, *digits.input_shape)
        assert kept.predicted.tolist() == record.result.predicted[kept.index].tolist()
        assert kept.confidence is not None
        if record.cell.craft.slice.split is not None:
            assert kept.clean_confidence is not None
            moved = np.abs(kept.adversarial.astype(float) - digits.examples("train", kept.index)).max()
            assert 0 < moved <= 0.3 + 1e-6


@pytest.mark.slow
@pytest.mark.thorough
def test_workers_and_shards_keep_the_same(tree: DecisionTreeClassifier, sixteen: Path, tmp_path: Path) -> None:
    wanted = files(Store(sixteen / "results"))
    assert files(ran(tree, tmp_path / "jobs", jobs=2)[0]) == wanted
    into = Store(tmp_path / "union" / "results")
    into.prepare()
    shards = [ran(tree, tmp_path / f"shard{i}", shard=(i, 2))[0] for i in (1, 2)]
    assert merge(into, shards, quiet).waiting == 0
    assert files(into) == wanted


def test_all_and_none(tree: DecisionTreeClassifier, tmp_path: Path) -> None:
    store, records = ran(tree, tmp_path / "all", save_examples="all")
    kept = [store.examples(record) for record in records if record.cell.craft.attack.name == "uniform-noise"]
    assert [len(each.index) for each in kept if each is not None] == [1198]
    store, records = ran(tree, tmp_path / "none", save_examples=0)
    assert files(store) == {}
    assert {record.run.examples for record in records} == {None}


def test_numbers() -> None:
    assert [number_of("0"), number_of(5), number_of("all")] == [0, 5, ALL]
    for wrong in ("-1", "many", "1.5", ""):
        with pytest.raises(UsageError, match="save-examples"):
            number_of(wrong)


def test_a_changed_file_is_not_the_one_that_was_kept(sixteen: Path, tmp_path: Path) -> None:
    import shutil

    from bench.records.usable import Unusable

    shutil.copytree(sixteen / "results", tmp_path / "results")
    store = Store(tmp_path / "results")
    record = next(record for record in store.records().values() if record.run.examples)
    path = store.examples_path(record)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Unusable, match="SHA-256"):
        store.examples(record)


def test_merging_in_any_order_keeps_the_copy_with_inputs(
    tree: DecisionTreeClassifier, sixteen: Path, tmp_path: Path
) -> None:
    bare, some = ran(tree, tmp_path / "bare", save_examples=0)[0], ran(tree, tmp_path / "some", save_examples=4)[0]
    sources = [Store(sixteen / "results"), bare, some]
    found = []
    for number, order in enumerate(([0, 1, 2], [2, 1, 0], [1, 2, 0])):
        into = Store(tmp_path / f"into{number}" / "results")
        into.prepare()
        for place in order:
            assert merge(into, [sources[place]], quiet).conflicts == []
        found.append({str(p.relative_to(into.folder)): p.read_bytes() for p in into.folder.rglob("*.*")})
    assert found[0] == found[1] == found[2]
    assert all(into.examples(record) for record in into.records().values() if not record.result.median_margin)
