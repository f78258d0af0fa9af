"""The tables of a suite's board, whatever is in its rows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from boards import GRID, NOISE, RUBBISH, TRANSFER, A, B, answers
from handmade import failure, result, suite_of, viewed

from bench.board.rows import rows
from bench.records.record import Cell, Result
from bench.report.boards import tables


def test_a_board_shows_abstentions_where_a_model_abstains() -> None:
    given = {"a": [0, 1, 2, 0, -1, 1], ("a", 0.2): [0, 1, -1, -1, -1, 0]}
    suite = suite_of(GRID)
    shy, sure = (
        "\n".join(table.markdown() for table in tables(suite, rows(viewed(suite, answers(one), guests=[A]))))
        for one in (given, {})
    )
    assert "abstains" in shy
    assert "16.7 clean, 50.0 at 0.2" in shy
    assert "abstains" not in sure


@pytest.mark.parametrize("layout", ["robustness", "transfer", "rubbish"])
def test_every_layout_can_be_drawn_whatever_is_missing(layout: str) -> None:
    attacks = "\n".join([GRID, TRANSFER, NOISE, RUBBISH])
    given = {("a", "b", 0.1): None, ("b", "b", 0.1): failure(), ("a", 0.2): Result(status="unsupported", reason="no")}
    suite = suite_of(attacks, ["a", "b"], 0.2, board=layout)

    def answer(asked: Cell) -> Any:
        if asked.craft.attack.name == "gaussian-rubbish":
            return result(asked, [0, 2, 2, 1], None, margin=[0.1] * 4)
        return answers(given)(asked)

    found = rows(viewed(suite, answer, references=[A, B]))
    text = "\n".join(table.markdown() for table in tables(suite, found))
    assert "toy-suite v1" in text
    assert "exception: ValueError: no" in text
    json.dumps([row.as_dict() for row in found], allow_nan=False)
