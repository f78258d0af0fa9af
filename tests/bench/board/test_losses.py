"""An attack by several losses: an example stays right under it where it does by every one of them."""

from __future__ import annotations

from typing import Any

import pytest
from boards import CLEAN, GRID, A, B, one
from handmade import suite_of, viewed

from bench.board.losses import JOINED
from bench.board.rows import WORST, Row, rows
from bench.records.record import Cell, Result
from bench.report.boards import tables

MARGIN = f"{GRID[:-1]}, loss: margin}}"
SUITE = suite_of(f"{GRID}\n{MARGIN}", ["a"], 0.2)
FOOLED = {("training", 0.1): 0, ("training", 0.2): 1, ("margin", 0.1): 2, ("margin", 0.2): 1}
"""The example that each loss and size fools; the last one is wrong when clean."""


def answer(asked: Cell) -> Any:
    labels = list(CLEAN)
    if asked.craft.attack.name != "clean":
        place = FOOLED[asked.craft.attack.parameters["loss"], asked.threat.eps]
        labels[place] = (labels[place] + 1) % 3
    return labels


def joined(found: list[Row], eps: float) -> Row:
    (row,) = [row for row in found if (row.parameters or {}).get("loss") == JOINED and row.eps == eps]
    return row


def test_an_attack_by_two_losses_is_joined_example_by_example() -> None:
    found = rows(viewed(SUITE, answer, references=[A]))
    small, large = joined(found, 0.1), joined(found, 0.2)
    assert (small.attack, small.source, small.role, small.title) == ("fgsm", "a", None, "FGSM")
    assert (small.error, small.robust_accuracy) == (pytest.approx(3 / 6), pytest.approx(3 / 6))
    assert (large.error, large.robust_accuracy) == (pytest.approx(2 / 6), pytest.approx(2 / 6))  # and what 0.1 fools
    assert large.robust_accuracy == one(found, attack=WORST).robust_accuracy
    assert small.attack_success == pytest.approx(2 / 5)
    each = [row for row in found if row.attack == "fgsm" and row.role == "gradient" and row.eps == 0.1]
    assert [row.error for row in each] == [pytest.approx(2 / 6)] * 2
    assert small.cells == [id for row in each for id in row.cells]


def test_the_board_shows_the_two_joined_and_each_in_its_error() -> None:
    shown = tables(SUITE, rows(viewed(SUITE, answer, references=[A])))
    ranking, errors = shown[0], next(table for table in shown if table.title == "Error, attack by attack")
    assert ranking.rows[0][ranking.headers.index("FGSM 0.2")] == "33.3"
    assert "pointwise by the training loss and by the margin" in ranking.terms
    line = dict(zip(errors.headers, errors.rows[0], strict=True))
    assert (line["fgsm 0.2"], line["fgsm 0.2 margin"]) == ("33.3", "33.3")
    assert not [header for header in errors.headers if JOINED in header or "0.1" in header]


@pytest.mark.parametrize(
    ("gone", "status"), [(None, "missing"), (Result(status="unsupported", reason="no gradient"), "unsupported")]
)
def test_what_one_loss_does_not_tell_the_two_do_not(gone: Any, status: str) -> None:
    def some(asked: Cell) -> Any:
        return gone if asked.craft.attack.parameters.get("loss") == "margin" else answer(asked)

    row = joined(rows(viewed(SUITE, some, references=[A])), 0.1)
    assert (row.status, row.error, row.robust_accuracy) == (status, None, None)


def test_attacks_that_differ_in_more_than_the_loss_or_come_from_others_are_not_joined() -> None:
    attacks = [
        GRID,
        f"{MARGIN[:-1]}, label: predicted}}",
        f"{MARGIN[:-1]}, clip: false}}",
        "  - {attack: fgsm, norm: linf, eps: 0.1, sources: all, loss: cross_entropy, target: next}",
    ]
    found = rows(viewed(suite_of("\n".join(attacks), ["a", "b"]), lambda asked: CLEAN, references=[A, B]))
    assert [row for row in found if (row.parameters or {}).get("loss") == JOINED] == []
