"""Rows as a pure function of records: every number worked out by hand on six examples, or a few more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from boards import CLEAN, GRID, RUBBISH, A, B, answers, one
from handmade import failure, result, suite_of, toy, viewed

from bench.board.rows import WORST, rows
from bench.planning.plan import SLICE
from bench.records.record import Cell, Result

# -- attacks ----------------------------------------------------------------------------------------------------------


def test_the_clean_row() -> None:
    row = one(rows(viewed(suite_of(GRID), answers({}), guests=[A])), attack="clean")
    assert (row.n, row.status, row.target, row.source, row.norm, row.eps, row.clip) == (6, "ok", "a", *[None] * 4)
    assert row.error == pytest.approx(1 / 6)
    assert row.clean_accuracy == row.robust_accuracy == pytest.approx(5 / 6)
    assert row.attack_success == 0


def test_robust_accuracy_is_pointwise_over_the_budgets_up_to_eps() -> None:
    """Fooled at 0.1 and right again at 0.2 is not robust at 0.2; what a larger budget does leaves 0.1 alone."""
    given = {("a", 0.1): [1, 1, 2, 0, 1, 1], ("a", 0.2): [0, 0, 2, 0, 1, 1]}
    found = rows(viewed(suite_of(GRID), answers(given), guests=[A]))
    small, large = (one(found, attack="fgsm", eps=eps) for eps in (0.1, 0.2))
    assert (small.robust_accuracy, large.robust_accuracy) == (pytest.approx(4 / 6), pytest.approx(3 / 6))
    assert small.error == large.error == pytest.approx(2 / 6)
    assert small.ci_low < small.robust_accuracy < small.ci_high


def test_budgets_of_another_norm_or_outside_the_range_are_no_part_of_it() -> None:
    attacks = (
        f"{GRID}\n  - {{attack: fgsm, norm: l2, eps: 0.1}}\n  - {{attack: fgsm, norm: linf, eps: 0.1, clip: false}}"
    )
    wrong = [1, 2, 0, 1, 2, 0]

    def answer(asked: Cell) -> list[int]:
        foreign = asked.threat.norm == "l2" or (asked.threat.norm == "linf" and asked.threat.clip is None)
        return wrong if foreign else CLEAN

    found = rows(viewed(suite_of(attacks), answer, guests=[A]))
    assert one(found, attack="fgsm", eps=0.2).robust_accuracy == pytest.approx(5 / 6)
    assert one(found, attack="fgsm", norm="l2").robust_accuracy == 0
    assert one(found, attack="fgsm", norm="linf", clip=False).robust_accuracy == 0


def test_error_counts_all_examples_and_success_those_that_were_right() -> None:
    """The clean mistake heals under attack, and another example is fooled: the error stays, one of five is fooled."""
    given = {("a", 0.1): [1, 1, 2, 0, 1, 2]}
    row = one(rows(viewed(suite_of(GRID), answers(given), guests=[A])), attack="fgsm", eps=0.1)
    assert row.error == pytest.approx(1 / 6)
    assert row.attack_success == pytest.approx(1 / 5)
    assert row.robust_accuracy == pytest.approx(4 / 6)  # the healed one was not right when clean


def test_abstention_is_a_mistake_when_clean_and_when_attacked() -> None:
    """Or else a model that answers nothing would be robust."""
    given = {"a": [0, 1, 2, 0, -1, 1], ("a", 0.1): [0, 1, -1, -1, -1, 0]}
    found = rows(viewed(suite_of(GRID), answers(given), guests=[A]))
    clean, attacked = one(found, attack="clean"), one(found, attack="fgsm", eps=0.1)
    assert (clean.clean_accuracy, clean.error) == (pytest.approx(4 / 6), pytest.approx(2 / 6))
    assert clean.abstention == pytest.approx(1 / 6)
    assert attacked.error == pytest.approx(4 / 6)
    assert attacked.abstention == pytest.approx(3 / 6)
    assert attacked.attack_success == pytest.approx(2 / 4)
    assert attacked.robust_accuracy == pytest.approx(2 / 6)


def test_a_targeted_attack_is_counted_over_the_examples_that_have_a_goal() -> None:
    """Success is the goal class; four count, of which three were right when clean, of which one got its goal."""
    goal = [1, 2, -1, 2, -1, 0]
    given = {("a", 0.1): ([1, 0, 2, 0, 1, 0], {"goal": goal})}
    attack = "  - {attack: fgsm, norm: linf, eps: 0.1, target: next}"
    row = one(rows(viewed(suite_of(attack), answers(given), guests=[A])), attack="fgsm")
    assert row.n == 4
    assert row.error == pytest.approx(3 / 4)
    assert row.attack_success == pytest.approx(1 / 3)
    assert row.robust_accuracy == pytest.approx(1 / 4)
    assert row.parameters is not None
    assert row.parameters["target"] == "next"


def test_where_any_mistake_counts_success_is_one() -> None:
    """Of the three that were right when clean and have a goal, two are taken for another class."""
    given = {("a", 0.1): ([1, 0, 2, 0, 1, 0], {"goal": [1, 2, -1, 2, -1, 0], "successes": 3})}
    attack = "  - {attack: fgsm, norm: linf, eps: 0.1, target: next, criterion: {kind: misclassified}}"
    row = one(rows(viewed(suite_of(attack), answers(given), guests=[A])), attack="fgsm")
    assert row.attack_success == pytest.approx(2 / 3)


def test_confidence_is_that_of_the_records() -> None:
    given = {("a", 0.1): ([1, 1, 2, 0, 1, 1], {"confidence_on_mistakes": 0.8})}
    row = one(rows(viewed(suite_of(GRID), answers(given), guests=[A])), attack="fgsm", eps=0.1)
    assert (row.confidence_on_mistakes, row.confidence_kind) == (pytest.approx(0.8), "softmax")


def test_rows_of_failed_and_unsupported_cells_have_no_numbers() -> None:
    given = {
        ("a", 0.1): failure(kind="oom", message="too large"),
        ("a", 0.2): Result(status="unsupported", reason="needs a gradient"),
    }
    found = rows(viewed(suite_of(GRID), answers(given), guests=[A]))
    broken, muted = (one(found, attack="fgsm", eps=eps) for eps in (0.1, 0.2))
    assert (broken.status, broken.reason) == ("error", "oom: too large")
    assert (muted.status, muted.reason) == ("unsupported", "needs a gradient")
    for row in (broken, muted):
        assert {row.error, row.robust_accuracy, row.attack_success, row.ci_low} == {None}


def test_slices_are_joined() -> None:
    """Counts are summed and examples joined over the runs of 10,000 that a large split is cut into."""
    n = SLICE + 5
    data = toy([k % 3 for k in range(n)])
    true = np.arange(n) % 3

    def answer(asked: Cell) -> list[int]:
        part = asked.craft.slice
        labels = true[part.start : part.stop].copy()
        if asked.threat.eps == 0.1:
            labels[:2] = (labels[:2] + 1) % 3  # two of each slice
        return labels.tolist()

    found = rows(viewed(suite_of(GRID, rank_eps=0.2), answer, dataset=data, guests=[A]))
    row = one(found, attack="fgsm", eps=0.2)
    assert row.n == n
    assert row.error == 0
    assert row.robust_accuracy == pytest.approx((n - 4) / n)
    assert one(found, attack=WORST).rank == 1


# -- rubbish ----------------------------------------------------------------------------------------------------------


def rubbish(successes: int | None, classes: tuple[int, ...] | None, **more: Any) -> Callable[[Cell], Any]:
    def answer(asked: Cell) -> Any:
        if asked.craft.attack.name == "clean":
            return (CLEAN, {"median_margin": 0.5})
        fields = {"successes": successes, "success_classes": classes, "margin": [0.1, 0.5, 0.6, 0.2]} | more
        return result(asked, [0, 2, 2, 1], None, **fields)

    return answer


def test_rubbish_numbers() -> None:
    answer = rubbish(3, (1, 0, 2), confidence_on_mistakes=0.9)
    row = one(rows(viewed(suite_of(RUBBISH, board="rubbish"), answer, guests=[A])), attack="gaussian-rubbish")
    assert (row.n, row.error, row.robust_accuracy, row.source) == (4, 0.75, None, None)
    assert row.ci_low < 0.75 < row.ci_high
    assert row.success_classes == [1, 0, 2]
    assert row.beyond_margin == 0.5  # 0.5 and 0.6 reach the clean median
    assert row.confidence_on_mistakes == pytest.approx(0.9)
    assert row.clean_accuracy == pytest.approx(5 / 6)


def test_rubbish_does_not_apply_to_every_kind_of_confidence() -> None:
    row = one(rows(viewed(suite_of(RUBBISH), rubbish(None, None), guests=[B])), attack="gaussian-rubbish")
    assert (row.status, row.error, row.ci_low, row.ci_high, row.success_classes) == ("ok", *[None] * 4)
    assert row.beyond_margin == 0.5
