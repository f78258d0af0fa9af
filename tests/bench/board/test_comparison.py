"""Two models row by row: counts by hand, both ways round, and why rows cannot be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from boards import CLEAN, GRID, NOISE, TRANSFER, A, B, answers
from comparing import pair, side
from handmade import failure, model, shelved, suite_of, toy, viewed
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.board.comparison import Line, Pair, compared
from bench.board.flips import flips
from bench.board.rows import rows
from bench.board.sides import Side
from bench.board.view import View

ROBUST = {("m", 0.1): CLEAN, ("m", 0.2): [0, 1, 2, 0, 2, 1]}
"""Under 0.2 the fifth falls as well."""
WEAK = {("m", 0.1): [0, 1, 2, 1, 1, 1], ("m", 0.2): [1, 1, 2, 1, 1, 1]}
"""Under 0.1 the fourth falls, under 0.2 the first and the fourth."""


def line(found: Pair, what: str, eps: float | None = None, attack: str | None = None) -> Line:
    (one,) = [
        each
        for each in found.lines
        if each.question.what == what and each.question.eps == eps and attack in (None, each.question.attack)
    ]
    return one


def test_counts_by_hand() -> None:
    found = pair(ROBUST, WEAK)
    worst = line(found, "worst", 0.2)
    assert (worst.n, worst.paired.baseline, worst.paired.candidate) == (6, 4, 3)
    assert (worst.lost.tolist(), worst.gained.tolist()) == ([0, 3], [4])
    assert worst.paired.difference == pytest.approx(-1 / 6)
    assert worst is found.ranked
    small = line(found, "attack", 0.1, "fgsm")
    assert (small.paired.baseline, small.paired.candidate, small.lost.tolist()) == (5, 4, [3])
    assert found.clean is not None
    assert (found.clean.paired.baseline, found.clean.paired.candidate) == (5, 5)
    assert found.apart == ()


def test_at_equal_clean_accuracy_only_what_both_have_right_counts() -> None:
    found = pair({"m": [0, 1, 2, 0, 1, 2], **ROBUST}, {"m": [1, 1, 2, 0, 1, 1], **ROBUST})
    assert line(found, "worst", 0.2).clean.n == 6
    assert line(found, "worst", 0.2).equal.n == 4
    assert line(found, "worst", 0.2).equal.lost.tolist() == []


def test_what_an_example_falls_for_first() -> None:
    found = pair(ROBUST, WEAK)
    assert found.ranked is not None
    told = [(flip.way, flip.position, flip.true, flip.label, flip.under) for flip in flips(found.ranked, None)]
    shown = [(*each[:4], each[4].threat.eps) for each in told if each[4] is not None]
    assert shown == [("lost", 0, 0, 1, 0.2), ("lost", 3, 0, 1, 0.1), ("gained", 4, 1, 2, 0.2)]
    assert [flip.way for flip in flips(found.ranked, 1)] == ["lost", "gained"]


LABELS = st.lists(st.integers(0, 2), min_size=6, max_size=6)
ANSWERS = st.fixed_dictionaries({"m": LABELS, ("m", 0.1): LABELS, ("m", 0.2): LABELS})


@settings(deadline=None, max_examples=25)
@given(ANSWERS, ANSWERS)
def test_compared_the_other_way_round_all_rows_turn(one: dict[Any, Any], other: dict[Any, Any]) -> None:
    there, back = pair(one, other), pair(other, one)
    assert [each.question for each in there.lines] == [each.question for each in back.lines]
    for ours, theirs in zip(there.lines, back.lines, strict=True):
        assert ours.paired.difference == -theirs.paired.difference
        assert ours.equal.difference == -theirs.equal.difference
        assert ours.paired.interval == tuple(-end for end in reversed(theirs.paired.interval))
        assert ours.lost.tolist() == theirs.gained.tolist()
        assert ours.p_value == theirs.p_value
    assert [(each.question, each.why) for each in there.apart] == [(each.question, each.why) for each in back.apart]


@settings(deadline=None, max_examples=25)
@given(ANSWERS)
def test_a_model_beside_itself_is_the_same(one: dict[Any, Any]) -> None:
    found = pair(one, one)
    assert all(each.paired.difference == 0 and each.p_value == 1 for each in found.lines)


def test_holm_is_over_all_rows_of_the_pair() -> None:
    many = toy([0] * 60)
    weak = {("m", 0.1): [1] * 20 + [0] * 40, ("m", 0.2): [1] * 40 + [0] * 20, "m": [0] * 60}
    sound = {"m": [0] * 60, ("m", 0.1): [0] * 60, ("m", 0.2): [0] * 60}
    found = pair(sound, weak, dataset=many)
    worst = line(found, "worst", 0.2)
    assert worst.paired.p_value == pytest.approx(2 * 0.5**40)
    assert worst.p_value == pytest.approx(len(found.lines) * 2 * 0.5**40)


# -- what cannot be compared ------------------------------------------------------------------------------------------


def why(found: Pair, attack: str) -> str:
    (one,) = {each.why for each in found.apart if each.question.attack == attack}
    return one


def test_slices_that_differ() -> None:
    labels = [0] * 60
    data, sound = toy(labels), {"m": labels, ("m", 0.1): labels, ("m", 0.2): labels}
    short = {"m": labels[:20], ("m", 0.1): labels[:20], ("m", 0.2): labels[:20]}
    found = compared(side(sound, dataset=data), side(short, dataset=data, limit=20))
    assert found.lines == ()
    assert why(found, "worst-of-all") == "slices differ: 60 of 60 for m and a sample of 20 of 60 for m"


def test_other_data() -> None:
    found = compared(side({}), side({}, dataset=toy(checksum="d" * 64)))
    assert found.lines == ()
    assert why(found, "clean").startswith("the data differ: toy cccccccccccc and toy dddddddddddd")


def test_suite_versions_and_threats() -> None:
    """What both versions ask is compared; the worst is of other attacks."""
    later = suite_of("\n".join([GRID.replace("0.2", "0.2, 0.3"), NOISE]), ["m"], 0.2, version=2)
    found = compared(side(ROBUST), side(ROBUST, suite=later))
    assert found.ranked is None
    assert "suite versions differ" in why(found, "worst-of-all")
    assert "toy-suite v1 and toy-suite v2" in why(found, "worst-of-all")
    assert line(found, "attack", 0.2).n == 6
    assert [(each.question.eps, each.why) for each in found.apart][-1] == (0.3, "not asked of m")


def test_rows_without_an_answer() -> None:
    broken = side({("m", 0.2): failure()}, answer=lambda asked: failure(asked) if asked.threat.eps == 0.2 else CLEAN)
    found = compared(side(ROBUST), broken)
    assert why(found, "fgsm") == "error on m: exception: ValueError: no"
    undone = side({}, answer=lambda asked: None if asked.threat.eps == 0.2 else CLEAN)
    found = compared(side(ROBUST), undone)
    assert why(found, "fgsm") == "not run on m"
    assert found.ranked is None


def test_candidates_that_were_crafted_on_two_versions_of_a_model() -> None:
    suite = suite_of("\n".join([GRID, TRANSFER]), ["a", "m"], 0.2)
    sides = []
    for digit in "12":
        references = [model("a", fingerprint=digit * 64), model("m")]
        view = View(suite, toy(), *shelved(suite, answers({}), references=references))
        sides.append(Side(view, next(row for row in rows(view) if row.model == "m"), "m"))
    found = compared(*sides)
    assert [each.why for each in found.apart] == ["crafted on two versions of a"]
    assert found.ranked is not None


def test_transfer_from_one_of_the_two_is_neither_compared_nor_missed() -> None:
    suite = suite_of("\n".join([GRID, TRANSFER]), ["a", "b"], 0.2)

    view = viewed(suite, answers({}), references=[A, B])
    heads = {row.model: row for row in rows(view)}
    found = compared(Side(view, heads["a"], "a"), Side(view, heads["b"], "b"))
    assert found.apart == ()
    assert all(each.question.source is None for each in found.lines)
    assert np.array_equal(found.lines[0].index, np.arange(6))
