"""The scoreboard for people: what it tells of a number, and that the published one is not stale."""

from __future__ import annotations

from pathlib import Path

import pytest
from one_number import FGSM, file_of, judged, number, unrun

from bench.paper.document import document, tables
from bench.paper.evidence import gather
from bench.paper.numbers import load_numbers
from bench.paper.ours import Ours
from bench.paper.scoreboard import Line, scoreboard
from bench.records.store import Store

ROOT = Path(__file__).parents[3]


def test_the_published_scoreboard_is_not_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a change of numbers.yaml or of the wording: bench paper --out ."""
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    numbers, store = load_numbers(), Store(ROOT / "results")
    evidence = gather(numbers, store.records(pytest.fail), store.failures(pytest.fail), [ROOT / "docs" / "figures"])
    expected = document(numbers, scoreboard(numbers, evidence))
    assert (ROOT / "docs" / "paper.md").read_text(encoding="utf-8") == expected


def test_the_table_shows_published_and_ours_side_by_side() -> None:
    extra = {"error": "error", "other": {"number": "error", "model": "b"}}
    line = judged(number(published={"error": 0.84}, measure=extra))
    (table,) = tables([line])
    assert table.rows == (("one", "error 84", "error 83.3", "match"),)
    assert table.note.startswith("1 match, 0 direction, 0 differs, 0 not run. By whole trainings: 1 match")


def test_what_was_not_run_has_a_table_of_its_own() -> None:
    (idle,) = tables([unrun(number(conditions=FGSM | {"model": "d"}))])
    assert idle.rows == (("one", "model d is not made yet", "bench paper"),)


def test_numbers_beside_tell_under_which_other_conditions_they_stand() -> None:
    beside = {
        "clipped": {"number": "error", "clip": True},
        "steps": {"number": "error", "attack": "iterated-fgsm", "n": 500},
        "other": {"number": "error", "model": "b"},
    }
    half = Ours(0.5, None, 1, 10)
    line = Line(number(beside=beside), "direction", None, None, {"error": half}, dict.fromkeys(beside, half), True)
    text = document(file_of(line.number), [line])
    assert "Beside it: clipped 50.0 (clipped), steps 50.0 (iterated-fgsm, n 500), other 50.0." in text


def test_the_document_keeps_whole_trainings_quick_ones_and_figures_apart() -> None:
    whole = Line(number(), "match", None, None)
    quick = Line(number(id="two"), "differs", None, None, quick={"a": "1 epoch"})
    drawn = Line(number(id="three", figure=True, measure={}, claim="", conditions={}), "match", None, None)
    text = document(file_of(*(line.number for line in (whole, quick, drawn))), [whole, quick, drawn])
    assert "By whole trainings: 1 match, 0 direction, 0 differs." in text
    assert "replaces: 0 match, 0 direction, 1 differs. Figures: 1 match, 0 direction, 0 differs." in text


def test_the_document_tells_all_that_a_verdict_rests_on() -> None:
    row = number(
        published={"error": 0.95},
        open={"clipping": "unclipped here."},
        tried="everything.",
        beside={"clean": {"number": "error", "attack": "clean", "eps": None}},
    )
    line = judged(row)
    numbers = file_of(row)
    text = document(numbers, [line])
    for told in (
        "In all: 0 match, 1 direction, 0 differs, 0 not run.",
        "## One\n\nFrom A paper.",
        "**one**: Something.",
        "Conditions: dataset toy, model a, attack fgsm, eps 0.25, unclipped.",
        "Tolerance: error ±1; so.",
        "Claim: error >= 0.5: holds.",
        "Left open, clipping: unclipped here.",
        "Beside it: clean 16.7.",
        "Tried: everything.",
    ):
        assert told in text
