"""What became of each example: the numbers of the board, example by example."""

from __future__ import annotations

import numpy as np
from boards import GRID, GUEST, NOISE, TRANSFER, A, B, answers
from handmade import suite_of, viewed

from bench.board.rows import rows
from bench.board.sides import Outcome, Side, outcomes
from bench.board.view import View

ATTACKS = "\n".join([GRID, TRANSFER, NOISE])
GIVEN = {"b": [0, 1, 2, 0, 0, 1], ("a", 0.1): [0, 1, 0, 0, 1, 1], ("a", 0.2): [0, 0, 2, 0, 1, 1], ("b", 0.2): [1] * 6}


def of(view: View, model: str) -> list[Outcome]:
    """Those of a model that have a number."""
    head = next(row for row in rows(view) if row.model == model)
    return [found for found in outcomes(Side(view, head, model)).values() if found.status == "ok"]


def asked(outcome: Outcome) -> tuple[object, ...]:
    question = outcome.question
    parameters = repr(sorted(question.parameters.items()))
    return question.attack, parameters, question.norm, question.eps, question.clip, question.source


def test_their_shares_are_the_robust_accuracies_of_the_board() -> None:
    view = viewed(suite_of(ATTACKS, ["a", "b"], 0.1), answers(GIVEN), references=[A, B], guests=[GUEST])
    board = rows(view)
    for target in view.targets():
        found = {asked(outcome): outcome for outcome in of(view, target.name)}
        own = [row for row in board if row.model == target.name and row.robust_accuracy is not None]
        assert len(own) == len(found)
        for row in own:
            source = None if row.source in (None, row.model) else row.source
            parameters = sorted((row.parameters or {}).items())
            outcome = found[row.attack, repr(parameters), row.norm, row.eps, row.clip, source]
            assert outcome.success.mean() == row.robust_accuracy
            assert len(outcome.success) == row.n


def test_examples_are_named_by_their_places() -> None:
    view = viewed(suite_of(GRID, ["a"], 0.1), answers(GIVEN), references=[A])
    worst = next(found for found in of(view, "a") if found.question.what == "worst")
    np.testing.assert_array_equal(worst.index, np.arange(6))
    np.testing.assert_array_equal(worst.success, [True, True, False, True, True, False])


def test_what_has_no_number_has_no_outcome() -> None:
    view = viewed(suite_of(GRID, ["a"], 0.1), answers({**GIVEN, ("a", 0.2): None}), references=[A])
    assert {outcome.question.eps for outcome in of(view, "a")} == {0.1, None}
