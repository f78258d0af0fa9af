"""What became of each example: the numbers of the board, example by example."""

from __future__ import annotations

import numpy as np
from boards import GRID, GUEST, NOISE, TRANSFER, A, B, answers
from handmade import suite_of, viewed

from bench.board.outcomes import outcomes
from bench.board.rows import WORST, rows

ATTACKS = "\n".join([GRID, TRANSFER, NOISE])
GIVEN = {"b": [0, 1, 2, 0, 0, 1], ("a", 0.1): [0, 1, 0, 0, 1, 1], ("a", 0.2): [0, 0, 2, 0, 1, 1], ("b", 0.2): [1] * 6}


def test_their_shares_are_the_robust_accuracies_of_the_board() -> None:
    view = viewed(suite_of(ATTACKS, ["a", "b"], 0.1), answers(GIVEN), references=[A, B], guests=[GUEST])
    board = rows(view)
    for target in view.targets():
        found = {outcome.question: outcome for outcome in outcomes(view, target)}
        own = [row for row in board if row.model == target.name and row.robust_accuracy is not None]
        assert len(own) == len(found)
        for row in own:
            source = None if row.source in (None, row.model) else row.source
            parameters = sorted((row.parameters or {}).items())
            outcome = found[row.attack, repr(parameters), row.norm, row.eps, row.clip, source]
            assert outcome.robust.mean() == row.robust_accuracy
            assert len(outcome.robust) == row.n
        assert next(iter(outcomes(view, target))).attack == WORST


def test_examples_are_named_by_their_places() -> None:
    view = viewed(suite_of(GRID, ["a"], 0.1), answers(GIVEN), references=[A])
    worst = next(outcomes(view, A))
    np.testing.assert_array_equal(worst.index, np.arange(6))
    np.testing.assert_array_equal(worst.robust, [True, True, False, True, True, False])


def test_what_has_no_number_has_no_outcome() -> None:
    view = viewed(suite_of(GRID, ["a"], 0.1), answers({**GIVEN, ("a", 0.2): None}), references=[A])
    assert {outcome.eps for outcome in outcomes(view, A)} == {0.1, None}
