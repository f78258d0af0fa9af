"""`bench paper` on CIFAR-10: the official download, a folder of images in its place, and records of one elsewhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.cli.app import main
from bench.datasets import cifar10, open_dataset
from bench.datasets.base import Arrays
from bench.errors import UsageError
from bench.paper import reproduce as reproducing
from bench.paper.document import tables
from bench.paper.reproduce import Budget, Reproduction, reproduce
from bench.paper.scoreboard import Line
from bench.progress import Progress
from bench.running.shelf import Shelf
from bench.zoo import cookbook

NUMBERS = """\
title: Toy
sources: {paper: A paper about images}
groups:
  - title: The only section
    source: paper
    numbers:
      - id: images
        where: section 1
        what: Clean error, and error under own FGSM.
        conditions: {dataset: cifar10-preprocessed, model: conv-maxout, attack: fgsm, norm: linf, eps: 0.1, clip: false}
        claim: error >= 0 and clean >= 0
        measure: {error: error, clean: {number: error, attack: clean, norm: null, eps: null}}
      - id: training
        where: section 1
        what: Training error.
        conditions: {dataset: cifar10-preprocessed, split: train, model: conv-maxout}
        claim: error <= 1
        measure: {error: error}
      - id: digits
        where: section 2
        what: Clean error.
        conditions: {dataset: digits, model: softmax-regression}
        claim: error <= 0.5
        measure: {error: error}
"""
RECIPE = """\
kind: softmax-regression, training: {optimiser: sgd, rate: 0.1, epochs: 2, batch: 10}, seed: 0, error_at_most: 1"""
NOTE = "images of a folder in place of the official files; JPEG ones have lost detail"
REASON = "cannot download cifar10's cifar-10-binary.tar.gz"
REMEDY = "bench paper --data FOLDER"

Run = Callable[..., Reproduction]


@pytest.fixture(autouse=True)
def offline(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty cache, no network, images of 5 x 5, and models that are made in a moment."""
    monkeypatch.setenv("BENCH_HOME", str(elsewhere / "home"))
    monkeypatch.setattr(cifar10, "MIRRORS", ("http://127.0.0.1:9/",))
    monkeypatch.setattr(cifar10, "SHAPE", (3, 5, 5))
    recipes = elsewhere / "recipes"
    recipes.mkdir()
    (recipes / "cifar10-preprocessed.yaml").write_text(
        f"conv-maxout: {{{RECIPE}, quick: {{training: {{epochs: 1}}}}}}\n", "utf-8"
    )
    (recipes / "digits.yaml").write_text(f"softmax-regression: {{{RECIPE}}}\n", "utf-8")
    monkeypatch.setattr(cookbook, "FOLDER", recipes)
    cookbook.recipes.cache_clear()
    yield
    cookbook.recipes.cache_clear()


@pytest.fixture
def run(elsewhere: Path) -> Run:
    """`run(budget="quick", data=None, out="out")`."""
    numbers = elsewhere / "numbers.yaml"
    numbers.write_text(NUMBERS, encoding="utf-8")

    def call(budget: Budget = "quick", data: Path | None = None, out: str = "out") -> Reproduction:
        return reproduce(budget, Shelf(Path(out)), progress=Progress(), device="cpu", data=data, numbers=numbers)

    return call


@pytest.fixture
def folder(elsewhere: Path) -> Path:
    """Random images of CIFAR-10's classes."""
    return images(elsewhere / "images", seed=0)


def images(root: Path, seed: int, each: int = 2) -> Path:
    generator = np.random.default_rng(seed)
    for split in ("train", "test"):
        for name in cifar10.CLASSES:
            (root / split / name).mkdir(parents=True)
            for number in range(each):
                pixels = generator.integers(0, 256, (5, 5, 3), np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{number}.png")
    return root


def official(monkeypatch: pytest.MonkeyPatch) -> None:
    """Official files that can be had."""
    monkeypatch.setattr(cifar10, "SIZES", {"train": 20, "test": 10})

    def read(split: str) -> Arrays:
        size = cifar10.SIZES[split]
        pixels = np.random.default_rng(5).integers(0, 256, (size, *cifar10.SHAPE), np.uint8)
        return pixels, np.arange(size) % 10

    monkeypatch.setattr(cifar10, "_read", read)


def line(found: Reproduction, id: str = "images") -> Line:
    return next(line for line in found.lines if line.number.id == id)


def counts(found: Reproduction) -> int:
    """Examples behind the rows of the images: 20 in a folder, 10 official ones."""
    return line(found).ours["error"].n


def row(found: Reproduction, id: str = "images") -> str:
    """The row's verdict in the table."""
    return next(cells[-1] for cells in tables(found.lines)[0].rows if cells[0] == id)


# -- a folder in place of the download --------------------------------------------------------------------------------


def test_a_folder_stands_in_and_every_row_says_so(run: Run, folder: Path) -> None:
    found = run(data=folder)
    assert {line.number.id: line.verdict for line in found.lines} == dict.fromkeys(
        ("images", "training", "digits"), "direction"
    )
    assert row(found) == "direction (stand-in, quick)"
    assert row(found, "digits") == "direction"
    assert [json.loads(json.dumps(line.as_dict()))["data"] for line in found.lines] == [NOTE, NOTE, ""]
    text = found.path.read_text(encoding="utf-8")
    assert text.count(f"- On: {NOTE}.") == 2
    assert "**stand-in** beside a verdict" in text
    records = Shelf(Path("out")).records(pytest.fail).values()
    checksums = {record.cell.craft.dataset.name: record.cell.craft.dataset.checksum for record in records}
    assert checksums["cifar10-preprocessed"] == open_dataset("cifar10-preprocessed", path=folder).checksum


def test_the_full_model_on_a_folder_is_a_stand_in_too(run: Run, folder: Path) -> None:
    assert row(run("full", folder)) == "direction (stand-in)"


def test_each_folder_has_models_and_records_of_its_own(run: Run, folder: Path, elsewhere: Path) -> None:
    first, other = run(data=folder), images(elsewhere / "others", seed=1, each=3)
    second = run(data=other)
    assert (counts(first), counts(second)) == (20, 30)
    assert line(run(data=folder)).as_dict() == line(first).as_dict()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda folder: shutil.rmtree(folder), "no folder images"),
        (lambda folder: shutil.rmtree(folder / "test"), "images has no folder test/"),
        (lambda folder: (folder / "test/frog").rename(folder / "test/toad"), "class 'frog' is not in test/"),
        (lambda folder: (folder / "test/frog/0.png").write_bytes(b"GIF"), "cannot decode images/test/frog/0.png"),
    ],
)
def test_a_bad_folder_is_one_line(
    spoil: Callable[[Path], object],
    told: str,
    run: Run,
    folder: Path,
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spoil(folder)
    with pytest.raises(UsageError, match=told):
        run(data=Path("images"))
    load = reproducing.load_numbers
    monkeypatch.setattr(reproducing, "load_numbers", lambda path: load(elsewhere / "numbers.yaml"))
    with pytest.raises(SystemExit) as ended:
        main(["paper", "--data", "images", "--device", "cpu", "--progress", "none"])
    assert ended.value.code == 2
    (message,) = capsys.readouterr().err.splitlines()
    assert told in message


# -- the download -----------------------------------------------------------------------------------------------------


def test_where_it_cannot_be_had_its_rows_say_why_and_the_others_are_run(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def download(*arguments: object) -> None:
        attempts.append(arguments)
        raise UsageError(f"{REASON}: connect to the network")

    monkeypatch.setattr(cifar10, "download", download)
    found = run()
    for id in ("images", "training"):
        assert (line(found, id).verdict, line(found, id).command, line(found, id).data) == ("not run", REMEDY, "")
        assert line(found, id).reason == f"{REASON}: connect to the network"
    assert line(found, "digits").verdict == "direction"
    assert (found.failed, found.interrupted, len(attempts)) == (0, False, 1)
    assert f"To run it: {REMEDY}." in found.path.read_text(encoding="utf-8")


def test_without_a_network_the_reason_is_the_download_s_own(run: Run) -> None:
    assert str(line(run()).reason).startswith(REASON)


def test_where_it_can_be_had_it_is_measured_and_read_no_more_than_it_takes(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        official(patch)
        found = run()
        assert (counts(found), row(found)) == (10, "direction (quick)")
        shutil.rmtree("home/datasets")
        patch.setattr(cifar10, "_read", pytest.fail)
        assert line(run()).as_dict() == line(found).as_dict()


# -- records of a stand-in --------------------------------------------------------------------------------------------


def forget() -> None:
    """Leave the records alone, as on another machine."""
    for gone in ("home", "images"):
        shutil.rmtree(gone)


def test_records_of_a_folder_count_where_neither_it_nor_the_download_is(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run(data=folder)
    forget()
    with monkeypatch.context() as patch:
        patch.setattr(cifar10, "download", pytest.fail)
        again = run()
    assert [line.as_dict() for line in again.lines] == [line.as_dict() for line in found.lines]
    assert again.path.read_text(encoding="utf-8") == found.path.read_text(encoding="utf-8")


def test_of_several_folders_the_last_measured_counts(run: Run, folder: Path, elsewhere: Path) -> None:
    run(data=images(elsewhere / "others", seed=1, each=3))
    run(data=folder)
    assert counts(run()) == 20


def test_what_the_records_lack_asks_for_the_folder(run: Run, folder: Path) -> None:
    run(data=folder)
    for path in Path("out/results/cells").iterdir():
        if '"fgsm"' in path.read_text(encoding="utf-8"):
            path.unlink()
    found = run()
    told = "cifar10-preprocessed was measured on a folder of images that is not given"
    assert (line(found).verdict, line(found).reason, line(found).command) == ("not run", told, REMEDY)
    assert line(found, "training").verdict == "direction"


def test_official_records_win_and_a_given_folder_wins_over_them(
    run: Run, folder: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(data=folder)
    official(monkeypatch)
    assert counts(run()) == 20  # a quick run makes no second model of those judged
    full = run("full")
    assert (counts(full), line(full).data, row(full)) == (10, "", "direction")
    assert line(run(data=folder)).data == NOTE
    assert counts(run(data=images(elsewhere / "others", seed=1, each=3))) == 30
    assert counts(run()) == 10


def test_a_full_run_that_cannot_have_the_official_data_keeps_the_stand_in(run: Run, folder: Path) -> None:
    found = run(data=folder)
    forget()
    assert line(run("full")).as_dict() == line(found).as_dict()
