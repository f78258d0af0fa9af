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


def test_abstention_is_shown_on_noisy_inputs_as_well() -> None:
    """Of the noise that the model answers least under, at the size of the ranking."""
    given = {("a", "sign-noise", 0.1): [0, 1, 2, 0, -1, -1], ("a", "uniform-noise", 0.1): [0, 1, 2, 0, 1, -1]}
    attacks = "\n".join([GRID, NOISE, NOISE.replace("sign", "uniform"), NOISE.replace("0.1", "0.2")])
    found = rows(viewed(suite_of(attacks, rank_eps=0.1), answers(given), guests=[A]))
    (line,) = next(table for table in tables(suite_of(attacks, rank_eps=0.1), found) if "flags" in table.title).rows
    assert "0.0 clean, 33.3 sign-noise 0.1, 0.0 at 0.2" in line


WIDE = "  - {attack: fgsm, norm: linf, eps: [0.05, 0.1, 0.15, 0.2]}"


def test_a_table_of_its_own_has_the_sizes_that_would_not_fit_beside_the_ranks() -> None:
    suite = suite_of(WIDE, rank_eps=0.1)
    first, second, *_ = tables(suite, rows(viewed(suite, answers({}), guests=[A])))
    assert [header for header in first.headers if header.startswith("FGSM")] == ["FGSM 0.1"]
    assert second.headers == ("model", "FGSM 0.05", "FGSM 0.1", "FGSM 0.15", "FGSM 0.2")


def test_the_number_of_examples_of_a_worst_case_stands_beside_the_whole() -> None:
    attacks = f"{GRID}\n  - {{attack: sign-noise, norm: linf, eps: 0.1, n: 3}}"
    suite = suite_of(attacks, rank_eps=0.2)
    found = rows(viewed(suite, lambda asked: [0, 1, 2, 0, 1, 2][: asked.craft.slice.n], guests=[A]))
    assert tables(suite, found)[0].rows[0][3] == "3 of 6"


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
