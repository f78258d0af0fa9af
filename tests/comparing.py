"""Sides of comparisons made by hand: a model of a toy suite, with the labels that it gave."""

from __future__ import annotations

from typing import Any

from boards import GRID, NOISE, answers
from handmade import model, shelved, suite_of, toy

from bench.board.comparison import Pair, compared
from bench.board.rows import rows
from bench.board.sides import Side
from bench.board.view import View
from bench.planning.suite import Suite

SUITE = suite_of("\n".join([GRID, NOISE]), ["m"], 0.2)


def side(given: dict[Any, Any], name: str = "m", suite: Suite = SUITE, **how: Any) -> Side:
    """One model, which gave these answers (see `boards.answers`)."""
    limit, data = how.pop("limit", None), how.pop("dataset", None) or toy()
    answer = how.pop("answer", None) or answers(given)
    info = how.pop("info", None) or model(name, **how)
    group = "references" if name in suite.models else "guests"
    view = View(suite, data, *shelved(suite, answer, dataset=data, limit=limit, **{group: [info]}))
    head = next(row for row in rows(view) if row.model == name)
    return Side(view, head, name)


def pair(baseline: dict[Any, Any], candidate: dict[Any, Any], **how: Any) -> Pair:
    """Two versions of one model."""
    return compared(side(baseline, **how), side(candidate, **how))
