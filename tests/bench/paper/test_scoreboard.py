"""The scoreboard as a pure function of evidence: verdicts, and the reason where there is none."""

from __future__ import annotations

from typing import Any

import pytest
from handmade import failure, model, shelved, toy
from one_number import CLEAN, FGSM, file_of, fooled, judged, number, unrun

from bench.paper.document import document
from bench.paper.evidence import Evidence, Finding, Known
from bench.paper.protocol import suite_of
from bench.paper.scoreboard import scoreboard
from bench.records.record import Cell

# -- verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("published", "claim", "verdict", "holds"),
    [
        (0.8333, "error >= 0.5", "match", True),
        (0.84, "error >= 0.5", "match", True),
        (0.85, "error >= 0.5", "direction", True),
        (0.5, "error >= 0.9", "differs", False),
        (0.8333, "error >= 0.9", "differs", False),
        ([0.8, 0.86, 0.84], "error >= 0.9", "differs", False),
    ],
)
def test_a_verdict_weighs_the_digits_and_the_claim(published: Any, claim: str, verdict: str, holds: bool) -> None:
    """Five of six are wrong: 0.8333."""
    line = judged(number(published={"error": published}, claim=claim))
    assert (line.verdict, line.holds) == (verdict, holds)
    assert line.ours["error"].mean == pytest.approx(5 / 6)
    assert (line.ours["error"].n, line.ours["error"].runs, line.ours["error"].spread) == (6, 1, None)


def test_all_published_numbers_must_be_met() -> None:
    both = {"error": "error", "confidence": "confidence_on_mistakes"}
    near = judged(number(published={"error": 5 / 6, "confidence": 0.75}, measure=both))
    far = judged(number(published={"error": 5 / 6, "confidence": 0.5}, measure=both))
    assert (near.verdict, far.verdict) == ("match", "direction")
    assert near.ours["confidence"].n == 5


def test_the_tolerance_itself_is_within_it() -> None:
    """In binary 0.75 + 0.01 is not 0.76."""
    row = number(
        published={"confidence": 0.76}, measure={"confidence": "confidence_on_mistakes"}, claim="0 < confidence"
    )
    assert judged(row).verdict == "match"


def test_without_digits_the_claim_decides() -> None:
    assert judged(number()).verdict == "direction"
    assert judged(number(claim="error < 0.5")).verdict == "differs"


def test_numbers_beside_decide_nothing() -> None:
    line = judged(
        number(
            beside={
                "clean": {"number": "error", "attack": "clean", "eps": None},
                "odd": {"number": "error", "model": "z"},
            }
        )
    )
    assert line.verdict == "direction"
    assert line.beside.keys() == {"clean"}
    assert line.beside["clean"].mean == pytest.approx(1 / 6)


# -- not run ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "reason", "command"),
    [
        ({"lacks": "nothing can see it", "measure": {}, "claim": ""}, "nothing can see it", None),
        ({"conditions": FGSM | {"dataset": "nowhere"}}, "no dataset here", None),
        ({"conditions": FGSM | {"model": "z"}}, "no model z for toy yet", None),
        ({"conditions": FGSM | {"model": "d"}}, "model d is not made yet", "bench paper"),
        ({"conditions": FGSM | {"source": "z"}}, "no model z for toy yet", None),
        ({"conditions": FGSM | {"attack": "fgsn"}}, "did you mean fgsm", None),
        ({"conditions": FGSM | {"split": "train"}}, "toy has no split train", None),
        ({"conditions": FGSM | {"parameters": {"degrees": 3}}}, "unknown key 'degrees'", None),
        ({"figure": True, "measure": {}, "claim": ""}, "it is not drawn yet", "bench paper"),
    ],
)
def test_what_was_not_run_says_why(changed: dict[str, Any], reason: str, command: str | None) -> None:
    line = unrun(number(**changed))
    assert line.verdict == "not run"
    assert reason in str(line.reason)
    assert line.command == command


def test_a_missing_record_is_run_by_the_command_that_may_run_it() -> None:
    """`c` was judged elsewhere: it has to be made here first."""
    assert unrun(number()).command == "bench paper"
    assert "no record of a, fgsm, linf eps 0.25 unclipped" in str(unrun(number()).reason)
    assert unrun(number(conditions=FGSM | {"model": "c"})).command == "bench paper --budget full"


def test_half_a_measurement_is_shown_and_decides_nothing() -> None:
    line = judged(number(measure={"error": "error", "other": {"number": "error", "model": "z"}}, claim="error > other"))
    assert (line.verdict, line.holds, line.reason) == ("not run", None, "no model z for toy yet")
    assert line.ours.keys() == {"error"}


def test_a_failure_is_no_number() -> None:
    line = judged(number(), lambda asked: CLEAN if asked.craft.attack.name == "clean" else failure(asked))
    assert (line.verdict, line.reason) == ("not run", "failed: exception: ValueError: no")


def test_a_model_that_was_made_anew_is_not_judged_by_the_old_one_s_records() -> None:
    row = number()
    infos = [model("a", fingerprint="old")]
    records, failures = shelved(suite_of(row.measure.values()), fooled, references=infos)
    numbers = file_of(row)
    for fingerprint, verdict in (("old", "direction"), ("new", "not run")):
        known = Known(toy(), frozenset("a"), frozenset("a"), {"a": model("a", fingerprint=fingerprint)})
        (line,) = scoreboard(numbers, Evidence(records, failures, {"toy": known}, {}))
        assert line.verdict == verdict


# -- figures, flags ---------------------------------------------------------------------------------------------------


def test_a_figure_of_something_else_is_no_match() -> None:
    asked = number(figure=True, measure={}, claim="", conditions={})
    finding = Finding(figure="one.svg", shows=True, finding="digits for photographs", as_published=False)
    assert judged(asked, figures={"one": finding}).verdict == "direction"


@pytest.mark.parametrize(("shows", "verdict"), [(True, "match"), (False, "differs")])
def test_a_figure_counts_by_what_it_says_of_itself(shows: bool, verdict: str) -> None:
    finding = Finding(figure="one.svg", shows=shows, finding="straight lines")
    line = judged(number(figure=True, measure={}, claim="", conditions={}), figures={"one": finding})
    assert (line.verdict, line.reason) == (verdict, "straight lines")


def test_a_flag_of_the_board_stands_with_the_number() -> None:
    """Fewer mistakes under its own FGSM than when clean, by far: the labels leak."""
    labels = [0, 1] * 200
    wrong = [1, 0] * 80 + [0, 1] * 120

    def leaking(asked: Cell) -> Any:
        return wrong if asked.craft.attack.name == "clean" else labels

    row = number()
    infos = [model("a")]
    data = toy(labels, classes=2)
    records, failures = shelved(suite_of(row.measure.values()), leaking, references=infos, dataset=data)
    numbers = file_of(row)
    known = Known(data, frozenset("a"), frozenset("a"), {"a": infos[0]})
    (line,) = scoreboard(numbers, Evidence(records, failures, {"toy": known}, {}))
    assert line.flags == {"a": ["label-leaking"]}
    assert "Flags: a label-leaking." in document(numbers, [line])
