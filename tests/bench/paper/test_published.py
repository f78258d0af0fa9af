"""The published measurements as suites: what `attacks: published` stands for, and the run of such a suite."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from handmade import model
from PIL import Image

from bench import zoo
from bench.cli.app import main
from bench.datasets import cifar10, open_dataset
from bench.errors import UsageError
from bench.paper import protocol
from bench.paper.numbers import Measure, load_numbers
from bench.paper.protocol import cells_of, models_of, published, runs_of
from bench.planning.plan import expand
from bench.planning.suite import load_suite
from bench.zoo import cookbook

FGSM = {"attack": "fgsm", "norm": "linf", "eps": 0.25}


@pytest.mark.parametrize("name", ["paper-mnist", "paper-mnist-3v7", "paper-cifar10"])
def test_the_cells_are_those_of_the_measurements(name: str) -> None:
    """Neither more nor fewer: what `bench paper` runs on the split, and the suite runs, is the same."""
    suite = load_suite(name)
    dataset = open_dataset(suite.dataset.name)
    known = zoo.names(dataset.name)
    infos = {name: model(name) for name in known}
    wanted = {
        cell.id
        for measure in load_numbers().measures
        if (measure.dataset, measure.split) == (dataset.name, suite.dataset.split)
        for run in runs_of(measure, known)
        if set(models_of(run)) <= set(known)
        for cell in cells_of(run, dataset, infos)
    }
    assert wanted
    planned = expand(suite, dataset, {name: infos[name] for name in suite.models}, {})
    assert {item.cell.id for item in planned} == wanted
    assert len(planned) == len(wanted)


@pytest.fixture
def measures(monkeypatch: pytest.MonkeyPatch) -> list[Measure]:
    """What is published on the digits, to be filled."""
    found: list[Measure] = []
    real = load_numbers().measures
    monkeypatch.setattr(protocol, "_measures", lambda: [*real, *found])
    return found


def on_digits(name: str, **more: object) -> Measure:
    return Measure.model_validate({"number": "error", "dataset": "digits", "model": name, **more})


def test_entries_equal_but_for_their_models_are_one(measures: list[Measure]) -> None:
    measures += [on_digits("maxout", **FGSM), on_digits("knn", **FGSM), on_digits("maxout", **FGSM)]
    measures += [on_digits("knn", **FGSM, clip=False), on_digits("linear-svm")]
    entries, models = published("digits", "test")
    assert [(entry.attack, entry.clip, entry.models) for entry in entries] == [
        ("fgsm", True, ["maxout", "knn"]),
        ("fgsm", False, ["knn"]),
        ("clean", True, ["linear-svm"]),
    ]
    assert models == ["maxout", "knn", "linear-svm"]


def test_whom_a_model_agrees_with_is_judged_beside_it(measures: list[Measure]) -> None:
    agreement = {"number": "agreement_when_both_err", "source": "maxout", "of": "softmax-regression"}
    measures.append(on_digits("rbf-network", **FGSM, **agreement))
    (entry,), models = published("digits", "test")
    assert (entry.sources, entry.models) == (["maxout"], ["rbf-network", "softmax-regression"])
    assert set(models) == {"maxout", "rbf-network", "softmax-regression"}


def test_other_splits_and_models_without_a_recipe_are_left_out(measures: list[Measure]) -> None:
    measures += [on_digits("maxout", split="train"), on_digits("transformer"), on_digits("knn")]
    measures.append(on_digits("knn", **FGSM, source="transformer"))
    (entry,), models = published("digits", "test")
    assert (entry.attack, entry.models, models) == ("clean", ["knn"], ["knn"])
    (entry,), models = published("digits", "train")
    assert (entry.attack, entry.models, models) == ("clean", ["maxout"], ["maxout"])
    measures.clear()
    with pytest.raises(UsageError, match="nothing is published on dataset digits, split test"):
        published("digits", "test")


def test_every_training_run_of_a_model_is_measured(measures: list[Measure], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo, "names", lambda dataset: ("maxout", "maxout-seed-1", "maxout-deep"))
    measures.append(on_digits("maxout", **FGSM))
    (entry,), models = published("digits", "test")
    assert entry.models == models == ["maxout", "maxout-seed-1"]


# -- a run ------------------------------------------------------------------------------------------------------------

SUITE = "suite: toy-paper\nsummary: a few\ndataset: {name: digits}\nattacks: published\nboard: paper\n"


@pytest.fixture
def short_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty cache, a quick recipe of softmax regression on the digits, and one that is quick in any case."""
    quick = "  quick: {subset: 600, training: {epochs: 3}, error_at_most: 0.5}\n"
    folder = tmp_path / "recipes"
    shutil.copytree(cookbook.FOLDER, folder)
    (folder / "cifar10-preprocessed.yaml").write_text(
        "conv-maxout: {kind: softmax-regression, training: {optimiser: sgd, rate: 0.1, epochs: 1, batch: 10}, seed: 0, "
        "error_at_most: 1}\n",
        "utf-8",
    )
    shipped = (folder / "digits.yaml").read_text(encoding="utf-8")
    (folder / "digits.yaml").write_text(shipped.replace("  kind: softmax", f"{quick}  kind: softmax", 1), "utf-8")
    monkeypatch.setattr(cookbook, "FOLDER", folder)
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    cookbook.recipes.cache_clear()
    yield
    cookbook.recipes.cache_clear()


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    assert not ended.value.code
    return capsys.readouterr().out


@pytest.mark.usefixtures("short_recipe")
def test_a_quick_run_is_printed_and_marked(
    elsewhere: Path, measures: list[Measure], capsys: pytest.CaptureFixture[str]
) -> None:
    measures += [on_digits("softmax-regression", **FGSM, clip=False), on_digits("softmax-regression")]
    measures.append(on_digits("rbf-network", **FGSM, source="softmax-regression"))
    Path("toy.yaml").write_text(SUITE, encoding="utf-8")
    run = ["suite", "toy.yaml", "--device", "cpu", "--progress", "none"]
    text = said(capsys, *run, "--budget", "quick")
    lines = [[part.strip() for part in line.split("|")[1:3]] for line in text.splitlines() if line.startswith("| ")]
    quick = "softmax-regression (quick)"
    assert lines[1:] == [
        [quick, "clean"],
        [quick, "fgsm 0.25 unclipped"],
        [quick, "fgsm 0.25"],
        ["rbf-network", "clean"],
        ["rbf-network", f"fgsm 0.25 from {quick}"],
        ["model", "flags"],
        ["softmax-regression", "quick: 3 epochs of 600 examples"],
    ]
    assert "--budget quick --device cpu --model FILE.py" in text
    assert "toy-paper" not in Path("bench-out/leaderboard.md").read_text(encoding="utf-8")
    board = said(capsys, "leaderboard", "toy.yaml")
    assert board.startswith(text.partition("\nRan ")[0])
    found = json.loads(said(capsys, "leaderboard", "toy.yaml", "--format", "json"))
    assert [row["attack"] for row in found if row["model"] == "rbf-network"] == ["clean", "fgsm"]
    assert "Nothing to do" in said(capsys, *run, "--budget", "quick")

    full = said(capsys, *run)
    assert "Ran " in full
    for text in (full, said(capsys, "leaderboard", "toy.yaml")):
        assert "quick" not in text.partition("- **error**")[0]


@pytest.mark.usefixtures("short_recipe")
def test_a_folder_stands_in_for_the_download(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cifar10, "SHAPE", (3, 5, 5))
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in cifar10.CLASSES:
            (elsewhere / split / name).mkdir(parents=True)
            pixels = generator.integers(0, 256, (5, 5, 3), np.uint8)
            Image.fromarray(pixels).save(elsewhere / split / name / "0.png")
    text = said(capsys, "suite", "paper-cifar10", "--data", ".", "--device", "cpu", "--progress", "none")
    lines = [[part.strip() for part in line.split("|")[1:4]] for line in text.splitlines() if line.startswith("| ")]
    assert lines[1:5] == [
        ["conv-maxout", "clean", "10"],
        ["conv-maxout", "fgsm 0.1 unclipped", "10"],
        ["conv-maxout", "gaussian-rubbish", "1000"],
        ["conv-maxout", "fooling sign step_size 0.1 steps 1", "1000"],
    ]
    assert "bench suite paper-cifar10 --device cpu --data . --model FILE.py" in text
