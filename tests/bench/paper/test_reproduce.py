"""`bench paper` from end to end, on a toy file of numbers over the digits."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.paper.evidence import gather
from bench.paper.numbers import load_numbers
from bench.paper.reproduce import Budget, Reproduction, reproduce
from bench.paper.scoreboard import scoreboard
from bench.progress import Progress
from bench.running.shelf import Shelf
from bench.zoo import cookbook

NUMBERS = """\
title: Toy
sources: {paper: A paper about digits}
groups:
  - title: The only section
    source: paper
    numbers:
      - id: fgsm
        where: section 1
        what: Own FGSM fools softmax regression.
        conditions: {dataset: digits, model: softmax-regression, attack: fgsm, norm: linf, eps: 0.25, clip: false}
        published: {error: 0.98}
        tolerance: {error: 0.02}
        because: nearly all are wrong.
        claim: error >= 0.9
        open: {clipping: unclipped here.}
        measure: {error: error}
        beside: {error-clipped: {number: error, clip: true}}
      - id: transfer
        where: section 2
        what: What fools softmax regression fools RBF networks as well.
        conditions:
          {dataset: digits, source: softmax-regression, model: rbf-network, attack: fgsm, norm: linf, eps: 0.25,
           clip: false}
        claim: error > clean and agreement > chance
        measure:
          error: error
          clean: {number: error, attack: clean, source: null, norm: null, eps: null}
          agreement: agreement_when_both_err
          chance: chance_when_both_err
      - id: train
        where: section 3
        what: Training error.
        conditions: {dataset: digits, split: train, model: softmax-regression}
        claim: error <= 0.1
        measure: {error: error}
      - id: absent
        where: section 4
        what: A network that nobody has.
        conditions: {dataset: digits, model: transformer, attack: fgsm, norm: linf, eps: 0.25}
        claim: error >= 0.9
        measure: {error: error}
      - id: picture
        where: figure 1
        what: Straight lines.
        figure: true
"""


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("numbers") / "toy.yaml"
    path.write_text(NUMBERS, encoding="utf-8")
    return path


def run(budget: Budget, out: Path, numbers: Path) -> Reproduction:
    return reproduce(budget, Shelf(out), progress=Progress(), device="cpu", numbers=numbers)


def verdicts(found: Reproduction) -> dict[str, str]:
    return {line.number.id: line.verdict for line in found.lines}


@pytest.fixture
def quick_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, and a quick recipe of softmax regression; the folder of the cache."""
    shipped = (cookbook.FOLDER / "digits.yaml").read_text(encoding="utf-8")
    quick = "  quick: {subset: 600, training: {epochs: 3}, error_at_most: 0.5}\n"
    folder, home = tmp_path / "recipes", tmp_path / "home"
    for path in (folder, home):
        path.mkdir()
    (folder / "digits.yaml").write_text(shipped.replace("  kind: softmax", f"{quick}  kind: softmax", 1), "utf-8")
    monkeypatch.setattr(cookbook, "FOLDER", folder)
    monkeypatch.setenv("BENCH_HOME", str(home))
    cookbook.recipes.cache_clear()
    yield home
    cookbook.recipes.cache_clear()


def test_a_quick_run_makes_quick_models_and_every_row_of_them_says_so(
    elsewhere: Path, numbers: Path, quick_recipes: Path
) -> None:
    found = run("quick", elsewhere / "out", numbers)
    by_id = {line.number.id: line for line in found.lines}
    assert by_id["fgsm"].verdict in ("match", "direction")
    assert by_id["fgsm"].quick == by_id["fgsm"].quick_beside == {"softmax-regression": "3 epochs of 600 examples"}
    # As a source it counts too; the RBF network has no quick recipe, and there is none but the full one of it.
    assert by_id["transfer"].quick == {"softmax-regression": "3 epochs of 600 examples"}
    assert by_id["absent"].quick == {}
    text = found.path.read_text(encoding="utf-8")
    rows = {row.split("|")[1].strip(): row for row in text.splitlines() if row.startswith("| ")}
    for id in ("fgsm", "transfer", "train"):
        assert "(quick: 3 epochs of 600 examples)" in rows[id]
    assert "- Quick recipes: softmax-regression (3 epochs of 600 examples)." in text
    assert "quick" not in rows["absent"]

    records = Shelf(elsewhere / "out").records(pytest.fail)
    for record in records.values():
        is_quick = record.cell.target.name == "softmax-regression"
        assert record.cell.target.effort == ("3 epochs of 600 examples" if is_quick else None)


def test_the_next_quick_run_makes_nothing_even_without_the_models(
    elsewhere: Path, numbers: Path, quick_recipes: Path
) -> None:
    found = run("quick", elsewhere / "out", numbers)
    again = run("quick", elsewhere / "out", numbers)
    assert [line.as_dict() for line in again.lines] == [line.as_dict() for line in found.lines]
    shutil.rmtree(quick_recipes)
    quick_recipes.mkdir()
    again = run("quick", elsewhere / "out", numbers)
    assert [line.as_dict() for line in again.lines] == [line.as_dict() for line in found.lines]
    assert not list(quick_recipes.glob("models/*/*"))


def test_the_full_model_takes_the_place_of_the_quick_one_for_good(
    elsewhere: Path, numbers: Path, quick_recipes: Path
) -> None:
    run("quick", elsewhere / "out", numbers)
    full = run("full", elsewhere / "out", numbers)
    assert verdicts(full)["fgsm"] == "match"
    assert all(line.quick == line.quick_beside == {} for line in full.lines)
    assert "Quick recipes:" not in full.path.read_text(encoding="utf-8")
    shutil.rmtree(quick_recipes)
    again = run("quick", elsewhere / "out", numbers)
    assert [line.as_dict() for line in again.lines] == [line.as_dict() for line in full.lines]
    assert not list(quick_recipes.glob("models/*/*"))


def test_what_is_not_made_is_told_with_the_command(elsewhere: Path, numbers: Path, quick_recipes: Path) -> None:
    asked = load_numbers(numbers)
    lines = scoreboard(asked, gather(asked, {}, {}, []))
    told = {line.number.id: (line.verdict, line.reason, line.command) for line in lines}
    assert told["fgsm"] == ("not run", "model softmax-regression is not made yet", "bench paper")
    assert told["absent"] == ("not run", "no model transformer for digits yet", None)
    assert told["picture"] == ("not run", "there is no figure yet", None)


def test_a_full_run_makes_them_and_the_next_one_has_nothing_to_do(elsewhere: Path, numbers: Path) -> None:
    out = elsewhere / "out"
    found = run("full", out, numbers)
    assert verdicts(found) == {
        "fgsm": "match",
        "transfer": "direction",
        "train": "direction",
        "absent": "not run",
        "picture": "not run",
    }
    assert (found.failed, found.interrupted, found.path) == (0, False, out / "paper.md")
    by_id = {line.number.id: line for line in found.lines}
    assert (by_id["fgsm"].ours["error"].n, by_id["train"].ours["error"].n) == (599, 1198)
    text = found.path.read_text(encoding="utf-8")
    assert "In all: 1 match, 2 direction, 0 differs, 2 not run." in text
    assert "Not run: no model transformer for digits yet." in text

    records = sorted((out / "results/cells").iterdir())
    # For each model its clean pass and what was crafted on softmax regression, its own FGSM clipped, and a clean pass
    # over the training images: nothing that no number asks for.
    assert len(records) == 2 * 2 + 1 + 1
    again = run("quick", out, numbers)
    assert [line.as_dict() for line in again.lines] == [line.as_dict() for line in found.lines]
    assert sorted((out / "results/cells").iterdir()) == records
    assert again.path.read_text(encoding="utf-8") == text


def test_a_folder_with_documents_gets_it_among_them_and_figures_count(elsewhere: Path, numbers: Path) -> None:
    figures = elsewhere / "docs/figures"
    figures.mkdir(parents=True)
    finding = {"figure": "picture.svg", "shows": True, "finding": "ten straight lines"}
    (figures / "picture.json").write_text(json.dumps(finding), encoding="utf-8")
    assert verdicts(run("quick", Path(), numbers))["picture"] == "not run"  # no image yet
    (figures / "picture.svg").write_text("<svg/>", encoding="utf-8")
    found = run("quick", Path(), numbers)
    assert verdicts(found)["picture"] == "match"
    assert found.path == Path("docs/paper.md")
    assert "ten straight lines" in found.path.read_text(encoding="utf-8")


def test_what_is_recorded_is_compared_without_torch(elsewhere: Path, numbers: Path) -> None:
    run("full", elsewhere / "out", numbers)
    probe = (
        "import sys; from pathlib import Path; from bench.paper.reproduce import reproduce; "
        "from bench.progress import Progress; from bench.running.shelf import Shelf; "
        f"found = reproduce('quick', Shelf(Path('out')), progress=Progress(), numbers=Path({str(numbers)!r})); "
        "print([line.verdict for line in found.lines], 'torch' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=120)
    assert told.stdout.strip() == "['match', 'direction', 'direction', 'not run', 'not run'] False", told.stderr
