"""Fooling images on boards: success by class, and a table that tells them apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from handmade import failure, model, result, suite_of, viewed

from bench.board.rows import Row, rows
from bench.records.record import Cell
from bench.report import rubbish
from bench.report.boards import tables

A, B = model("a", confidence_kind="softmax"), model("b", confidence_kind="votes")
BOARD = "  - {attack: fooling, n: 6, sources: all}"
CLEAN = [0, 1, 2, 0, 1, 1]


def answer(asked: Cell) -> Any:
    """Of three classes, two images each: of the first both reach it, of the second one, of the third none."""
    if asked.craft.attack.name == "clean":
        return (CLEAN, {"median_margin": 0.5})
    margin, goal = [0.9, 0.6, 0.1, 0.8, 0.1, 0.1], [0, 1, 2, 0, 1, 2]
    sure = {"successes": 3, "success_classes": (2, 1, 0)} if asked.target.name == "a" else {"successes": None}
    return result(asked, [0, 1, 1, 0, 0, 0], None, goal, margin=margin, **sure)


def board_of(answer: Any = answer) -> list[Row]:
    return rows(viewed(suite_of(BOARD, ["a", "b"], board="rubbish"), answer, references=[A, B]))


def one(found: list[Row], source: str, target: str) -> Row:
    (row,) = [row for row in found if (row.attack, row.source, row.target) == ("fooling", source, target)]
    return row


def test_success_per_class_and_its_mean() -> None:
    row = one(board_of(), "a", "a")
    assert (row.n, row.error, row.robust_accuracy, row.attack_success) == (6, 0.5, None, None)
    assert row.class_success == [1.0, 0.5, 0.0]
    assert row.mean_class_success == pytest.approx(0.5)
    assert row.ci_low < 0.5 < row.ci_high
    assert row.beyond_margin == 0.5
    assert row.transfer is None


def test_a_class_that_was_no_goal_has_no_success_and_no_part_in_the_mean() -> None:
    def one_class(asked: Cell) -> Any:
        if asked.craft.attack.name == "clean":
            return CLEAN
        return result(asked, [1] * 6, None, [1] * 6, margin=[1.0] * 6, successes=3, success_classes=(0, 3, 0))

    row = one(board_of(one_class), "a", "a")
    assert (row.class_success, row.mean_class_success) == ([None, 0.5, None], 0.5)


def test_what_does_not_apply_is_left_blank() -> None:
    row = one(board_of(), "a", "b")
    assert (row.status, row.error, row.class_success, row.mean_class_success) == ("ok", None, None, None)


@pytest.mark.parametrize("layout", ["robustness", "transfer", "rubbish"])
def test_every_layout_can_be_drawn_whatever_is_missing(layout: str) -> None:
    def patchy(asked: Cell) -> Any:
        source, target = asked.craft.source, asked.target.name
        if asked.craft.attack.name == "gaussian-rubbish":
            return result(asked, [0, 1, 1, 0], None, margin=[0.1] * 4, successes=1, success_classes=(1, 0, 0))
        if source is not None and (source.name, target) == ("b", "a"):
            return failure(asked)
        return None if source is not None and (source.name, target) == ("b", "b") else answer(asked)

    suite = suite_of(f"{BOARD}\n  - {{attack: gaussian-rubbish, n: 4}}", ["a", "b"], board=layout)
    found = rows(viewed(suite, patchy, references=[A, B]))
    assert {row.status for row in found if row.attack == "fooling"} == {"ok", "error", "missing"}
    assert "exception: ValueError: no" in "\n".join(table.markdown() for table in tables(suite, found))
    json.dumps([row.as_dict() for row in found], allow_nan=False)


def test_the_rubbish_board_tells_fooling_images_apart() -> None:
    suite = suite_of(f"{BOARD}\n  - {{attack: fooling, n: 6, step: gradient, step_size: 100, steps: 5}}", ["a", "b"])
    (table,) = rubbish.tables(suite, rows(viewed(suite, answer, references=[A, B])))
    assert table.title == "toy-suite v1: fooling images"
    lines = [dict(zip(table.headers, line, strict=True)) for line in table.rows]
    own = next(line for line in lines if line["model"] == line["crafted on"] == "a")
    assert (own["attack"], own["fooled"], own["mean of classes"]) == (
        "fooling sign step_size 0.25 steps 1",
        "50.0",
        "50.0",
    )
    assert own["by class, hardest first"] == "2: 0.0, 1: 50.0, 0: 100.0"
    assert {line["attack"] for line in lines} == {own["attack"], "fooling gradient step_size 100 steps 5"}
    assert {line["fooled"] for line in lines if line["model"] == "b"} == {"n/a"}
    assert "probability above 0.5" in table.terms
