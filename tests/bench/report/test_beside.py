"""Our board beside the published one."""

from __future__ import annotations

import pytest
from boards import GRID, NOISE, TRANSFER, A, B, answers
from handmade import model, suite_of, viewed

from bench.board.rows import rows
from bench.report.beside import compared

SUITE = suite_of("\n".join([GRID, TRANSFER, NOISE]), ["a", "b"], 0.2)
GUEST, OTHER = (model("guest", fingerprint=digit * 64) for digit in "12")
REFIT = model("a", fingerprint="f" * 64)


@pytest.mark.parametrize(
    ("ours", "weights", "says", "never"),
    [
        ([A, B], ["same", "same"], ["bit for bit: a, b."], "Refitted"),
        ([REFIT, B], ["refitted", "same"], ["bit for bit: b.", "than the published: a."], "guest"),
    ],
)
def test_it_says_which_models_are_the_published_ones(
    ours: list[object], weights: list[str], says: list[str], never: str
) -> None:
    mine = rows(viewed(SUITE, answers({}), references=ours, guests=[GUEST]))
    theirs = rows(viewed(SUITE, answers({}), references=[A, B], guests=[OTHER]))
    table = compared(SUITE, mine, theirs)
    assert [line[-1] for line in table.rows] == [*weights, "another version"]
    assert [line[table.headers.index("rank, ours")] for line in table.rows] == ["1", "1", "level with 1"]
    assert all(text in table.note for text in says)
    assert never not in table.note
