"""The gates fail closed: on a regression, and on whatever cannot be told."""

from __future__ import annotations

from typing import Any

import pytest
from boards import CLEAN
from comparing import pair, side
from handmade import failure, suite_of, toy

from bench.board.comparison import Comparison, compared
from bench.board.gate import below, bounds, regression, regressions, unseen
from bench.board.rows import rows
from bench.errors import UsageError

N = 200
DATA = toy([0] * N)


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
