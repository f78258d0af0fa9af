"""The gates fail closed: on a regression, and on whatever cannot be told."""

from __future__ import annotations

from typing import Any

import pytest
from boards import CLEAN, GRID, TRANSFER, A, B, answers
from comparing import pair, side
from handmade import failure, suite_of, toy, viewed

from bench.board.comparison import Comparison, compared
from bench.board.gate import below, bounds, regression, regressions, unseen
from bench.board.rows import rows
from bench.board.sides import Side
from bench.errors import UsageError
from bench.records.record import Result

N = 200
DATA = toy([0] * N)
SQUARE = "  - {attack: square, norm: linf, eps: 0.2}"
ALL_NOISE = "  - {attack: sign-noise, norm: linf, eps: 0.2}"


def labels(fallen: int) -> list[int]:
    return [1] * fallen + [0] * (N - fallen)


def of(fallen: int) -> dict[Any, Any]:
    """A model that is right when clean, and falls on so many."""
    return {"m": labels(0), ("m", 0.1): labels(0), ("m", 0.2): labels(fallen)}


@pytest.mark.parametrize(
    ("before", "after", "points", "fails"),
    [
        (50, 50, 0, False),
        (50, 40, 0, False),
        (50, 52, 0, False),  # two of 200: the interval reaches 0
        (50, 60, 0, True),  # ten, all one way
        (50, 60, 5, False),  # 5 points, and the interval begins below them
        (50, 100, 5, True),
    ],
)
def test_it_fails_where_the_whole_interval_of_the_drop_lies_beyond(
    before: int, after: int, points: float, fails: bool
) -> None:
    reason = regression(pair(of(before), of(after), dataset=DATA), points)
    assert (reason is not None) is fails
    assert reason is None or reason.startswith("regression: a drop of ")


def test_a_pass_at_the_floor_says_which_rows_are_worse() -> None:
    """Where nothing is left to lose in the ranked column, no drop can show there."""
    fallen = {("m", 0.2): labels(N), "m": labels(0)}
    found = Comparison(
        "s", (pair({**fallen, ("m", 0.1): labels(0)}, {**fallen, ("m", 0.1): labels(100)}, dataset=DATA),)
    )
    assert not regressions(found, 0)
    (line,) = unseen(found)
    assert "worse in 2 other rows" in line
    assert "at most by 50.0 points (fgsm 0.1)" in line
    assert "the baseline has 0.0%" in line
    assert unseen(Comparison("s", (pair(of(50), of(60), dataset=DATA),))) == []


def test_an_error_of_the_candidate_fails() -> None:
    broken = side({}, answer=lambda asked: failure(asked) if asked.threat.eps == 0.1 else CLEAN)
    reason = regression(compared(side({}), broken), 0)
    assert reason == "error: fgsm, linf eps 0.1 and 1 more: exception: ValueError: no"


def test_an_error_of_the_baseline_leaves_nothing_to_compare() -> None:
    broken = side({}, answer=lambda asked: failure(asked) if asked.threat.eps == 0.2 else CLEAN)
    reason = regression(compared(broken, side({})), 0)
    assert reason is not None
    assert reason.startswith("nothing is comparable: error on m")


def test_a_missing_cell_fails_whatever_the_numbers_are() -> None:
    undone = side({}, answer=lambda asked: None if asked.craft.attack.name == "sign-noise" else CLEAN)
    assert regression(compared(side({}), undone), 100) == "missing cell: sign-noise, linf eps 0.1"


def without(attack: str) -> Any:
    """Answers to all but one attack, which is said not to apply."""
    no = Result(status="unsupported", reason="no gradient")
    return lambda asked: no if asked.craft.attack.name == attack else CLEAN


def test_a_cell_that_the_baseline_alone_answers_is_missing() -> None:
    """The worst case of fewer attacks looks better than it is: whether the rest does not apply, or is said not to."""
    suite = suite_of(f"{GRID}\n{SQUARE}", ["m"], 0.2)
    whole, part = side({}, suite=suite), side({}, suite=suite, answer=without("fgsm"))
    assert compared(whole, part).ranked is not None  # the candidate's worst case is that of square alone
    assert regression(compared(whole, part), 100) == (
        "a cell is missing: fgsm, linf eps 0.1 and 1 more (does not apply: no gradient); "
        "worst is of fewer attacks for m than for m"
    )
    assert regression(compared(part, whole), 0) is None  # the candidate answers more


def test_a_cell_that_is_asked_of_the_baseline_alone_is_missing() -> None:
    """Such as one of an attack by exact gradients, of a candidate that has none."""
    suite = suite_of(f"  - {{attack: fgsm, norm: linf, eps: 0.2, gradient: exact}}\n{SQUARE}", ["m"], 0.2)
    exact, none = (side({}, suite=suite, gradient=each) for each in ("exact", "none"))
    assert regression(compared(exact, none), 100) == (
        "a cell is missing: fgsm, linf eps 0.2 (not asked of it); worst is of fewer attacks for m than for m"
    )
    assert regression(compared(none, exact), 0) is None


def test_what_is_asked_over_fewer_examples_is_not_missing() -> None:
    """The worst cases are compared on the examples that are known of both."""
    few = "  - {attack: square, norm: linf, eps: 0.2, gradient: none, n: 20}"
    suite = suite_of(f"{SQUARE[:-1]}, gradient: exact}}\n{few}\n{ALL_NOISE}", ["m"], 0.2)
    data, right = toy([0] * 40), lambda asked: [0] * (20 if asked.craft.slice.partial else 40)
    exact, none = (side({}, suite=suite, gradient=each, dataset=data, answer=right) for each in ("exact", "none"))
    assert regression(compared(exact, none), 0) is None


def test_transfer_from_one_of_the_two_is_no_missing_cell() -> None:
    """What was crafted on the candidate is its own attack there."""
    suite = suite_of(TRANSFER, ["a", "b"], 0.1)
    view = viewed(suite, answers({}), references=[A, B])
    a, b = (Side(view, next(row for row in rows(view) if row.model == name), name) for name in ("a", "b"))
    assert regression(compared(a, b), 0) is None


def test_a_model_without_a_rank_fails() -> None:
    """One that gives the same answer to everything falls for nothing."""
    data = toy([0] * 100 + [1] * 100)
    same = {"m": [0] * N, ("m", 0.1): [0] * N, ("m", 0.2): [0] * N}
    reason = regression(pair(same, same, dataset=data), 0)
    assert reason is not None
    assert reason.startswith("it has no rank: one class")


def test_a_suite_that_ranks_by_nothing_and_no_pair_at_all() -> None:
    plain = suite_of("  - {attack: fgsm, norm: linf, eps: 0.1}", ["m"])
    assert regression(pair({}, {}, suite=plain), 0) == "suite toy-suite v1 ranks by nothing"
    assert regressions(Comparison("toy-suite v1", ()), 0) == {
        "toy-suite v1": "nothing is comparable: no model is on both sides"
    }
    gone = Comparison("toy-suite v1", (pair({}, {}),), {"other": "no records of it"})
    assert regressions(gone, 0) == {"other": "it is gone: no records of it"}


# -- one board --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "fails"),
    [(["worst=75"], False), (["worst=75.1"], True), (["clean=100", "worst=0"], False), (["certified=1"], True)],
)
def test_a_number_below_its_bound(asked: list[str], fails: bool) -> None:
    board = rows(side(of(50), dataset=DATA).view)
    assert bool(below(board, bounds(asked), ["m"])) is fails


def test_what_has_no_number_is_below_every_bound() -> None:
    undone = rows(side({}, answer=lambda asked: None if asked.threat.eps == 0.2 else CLEAN).view)
    (line,) = below(undone, bounds(["worst=0"]), ["m"])
    assert line.startswith("m: worst 0% asked for, and not run yet")
    assert below(undone, bounds(["worst=0"]), ["other"]) == ["other: worst 0% asked for, and it has no ranked row"]
    assert below([], bounds(["worst=0"]), []) == ["no model has a number to hold to a bound"]
    assert below([], {}, ["m"]) == []


@pytest.mark.parametrize("text", ["worst", "worst=", "worst=nan", "worst=101", "worst=-1", "wurst=30"])
def test_bounds_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="worst"):
        bounds([text])
