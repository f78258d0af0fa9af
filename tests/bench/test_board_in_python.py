"""A board in Python: printed, in a notebook, as a data frame, and asked for names."""

from __future__ import annotations

import builtins
from typing import Any

import pytest
from boards import GRID, A, B, answers
from handmade import failure, model, shelved, suite_of, toy

import bench
from bench.board.rows import rows
from bench.board.view import View
from bench.errors import UsageError

SUITE = suite_of(GRID, ["a", "b"], 0.2)


def board(**names: Any) -> bench.Board:
    found = shelved(SUITE, answers({}), references=[A, B], **names)
    return bench.Board(SUITE, rows(View(SUITE, toy(), *found)), [])


def test_a_name_that_is_not_on_the_board_is_answered_by_the_nearest() -> None:
    board_ = board(guests=[model("guest")])
    assert {row.model for row in board_.of("guest")} == {"guest"}
    with pytest.raises(UsageError, match=r"unknown model 'gest'; did you mean guest\?"):
        board_.of("gest")


def test_a_data_frame_has_a_line_a_row() -> None:
    pandas = pytest.importorskip("pandas")
    frame = board().to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == len(board().rows)
    assert {"model", "attack", "eps", "robust_accuracy"} <= set(frame.columns)
    assert frame[frame.model == "a"].robust_accuracy.max() == pytest.approx(5 / 6)


def test_without_pandas_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any, **others: Any) -> Any:
        if name.partition(".")[0] == "pandas":
            raise ImportError(name)
        return real(name, *more, **others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match="pip install pandas"):
        board().to_frame()


def test_in_a_notebook_it_is_html_in_which_names_are_text() -> None:
    shown = board(guests=[model("<script>alert(1)</script>&")])._repr_html_()
    assert shown.count("<table") == str(board()).count("###")
    assert "<script" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in shown
    assert failure().kind not in shown
