"""`bench paper` from end to end, on a toy file of numbers over the digits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.paper.reproduce import Budget, Reproduction, reproduce
from bench.progress import Silent
from bench.session import Shelf

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
    return reproduce(budget, Shelf(out), progress=Silent(), device="cpu", numbers=numbers)


def verdicts(found: Reproduction) -> dict[str, str]:
    return {line.number.id: line.verdict for line in found.lines}


def test_a_quick_run_makes_no_model(
    elsewhere: Path, numbers: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("empty-home")
    monkeypatch.setenv("BENCH_HOME", str(home))
    found = run("quick", elsewhere / "out", numbers)
    assert set(verdicts(found).values()) == {"not run"}
    told = {line.number.id: (line.reason, line.command) for line in found.lines}
    assert told["fgsm"] == ("model softmax-regression is not made yet", "bench paper --budget full")
    assert told["absent"] == ("no model transformer for digits yet", None)
    assert told["picture"] == ("there is no figure yet", None)
    assert not list(home.iterdir())


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
        "from bench.progress import Silent; from bench.session import Shelf; "
        f"found = reproduce('quick', Shelf(Path('out')), progress=Silent(), numbers=Path({str(numbers)!r})); "
        "print([line.verdict for line in found.lines], 'torch' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=120)
    assert told.stdout.strip() == "['match', 'direction', 'direction', 'not run', 'not run'] False", told.stderr
