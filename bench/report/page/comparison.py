"""What two models are compared by: a script file for each, which hands over what became of every example.

A page that was opened from a file may load scripts, and nothing else; so the data come as a call. The page then says of
any two what `bench compare` says of them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.board.comparison import over, unanswered
from bench.board.losses import JOINED
from bench.board.sides import Outcome, Question, Side, outcomes
from bench.report.comparison import called, row_called, side_told
from bench.report.page.gallery import Shown, Strip
from bench.report.page.given import Board
from bench.report.page.models import Model
from bench.table import visible


def data_of(board: Board, name: str, model: Model) -> dict[str, Any]:
    """What became of each example: for each attack two sets of bits, the examples that it covers and those that stay
    right. Sets that are the same are written once.
    """
    side, n = Side(board.view, board.by_model[name][0], name), board.dataset.sizes[board.suite.dataset.split]
    found = outcomes(side)
    questions = [each.question for each in found.values()]
    shown = {each.id: each for each in model.gallery}
    pictures: dict[str, int] = {}
    known: dict[str, int] = {}
    rows = []
    for key, each in found.items():
        row = _asked(each, questions) | {"key": json.dumps([*map(str, key)])}
        if (why := unanswered(each, name)) is not None:
            rows.append(row | {"why": visible(why)})
            continue
        row |= {"over": visible(over(each, side)), "slices": repr(each.slices), "crafted": each.source}
        row |= _outcome(each, n, known)
        ids = [cell.id for measured in each.by for cell in measured.cells if cell.id in shown]
        row["pictures"] = [pictures.setdefault(id, len(pictures)) for id in ids]
        rows.append(row | (_fallen(each, questions, n) if _is_listed(board, each.question) else {}))
    return {
        "model": visible(name),
        "slug": model.slug,
        "told": visible(side_told(side).removeprefix(f"{name} ")),
        "known": list(known),
        "rows": rows,
        "pictures": [_sheet(shown[id], model) for id in pictures],
    }


def _asked(found: Outcome, among: Sequence[Question]) -> dict[str, Any]:
    asked = found.question
    return {
        "what": asked.what,
        "label": visible(called(asked, among)),
        "source": asked.source and visible(asked.source),
        "noise": asked.role == "noise",
        "group": repr((asked.attack, asked.norm, asked.eps, asked.clip)),
        "joined": asked.parameters.get("loss") == JOINED,
        "one": asked.role is not None,
    }


def _outcome(found: Outcome, n: int, known: dict[str, int]) -> dict[str, Any]:
    """The bits of what is known and of what stays right, both among all `n` examples of the split."""
    mask = np.zeros(n, dtype=bool)
    mask[found.index] = True
    robust = np.zeros(n, dtype=bool)
    robust[found.index] = found.success
    return {"known": known.setdefault(bits(mask), len(known)), "robust": bits(robust)}


def _is_listed(board: Board, asked: Question) -> bool:
    """Whether it is told what the flipped examples are taken for: where models are ranked by, or of suites without
    ranks everywhere.
    """
    by = board.suite.rank_by
    return (asked.what == "worst" and asked.eps == by.eps) if by is not None else asked.what in ("clean", "attack")


def _fallen(found: Outcome, among: Sequence[Question], n: int) -> dict[str, Any]:
    """What each example is taken for that does not stay right, and under what first."""
    clean = next((row for row in found.by if row.made.role == "clean"), None)
    if clean is None:
        return {}
    true = clean.true[np.searchsorted(clean.index, found.index)]
    taken, under = np.zeros(len(true), np.int64), np.zeros(len(true), np.int64)
    for place, row in enumerate(found.by):
        labels = row.predicted[np.searchsorted(row.index, found.index)]
        first = (under == 0) & (labels != true)
        taken[first], under[first] = labels[first] + 2, place + 1  # 0: nothing, 1: no answer
    taken[found.success] = under[found.success] = 0
    names = [visible(row_called(row, among)) for row in found.by]
    return {"taken": numbers(_spread(taken, found.index, n)), "under": numbers(_spread(under, found.index, n))} | {
        "names": names
    }


def _spread(values: NDArray[np.int64], index: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """`(n,)` of a whole split, 0 where there is no value."""
    made = np.zeros(n, np.int64)
    made[index] = values
    return made


def _sheet(shown: Shown, model: Model) -> dict[str, Any]:
    """Where the pictures of a cell are, and what stands below each."""
    return {
        "title": visible(shown.title),
        "file": shown.sheet,
        "line": shown.line,
        "size": [shown.width, shown.height, model.sheets.lines(shown.sheet)],
        "frames": shown.frames,
        "scale": shown.scale,
        "strips": {strip.number: _strip(strip) for strip in shown.strips},
    }


def _strip(strip: Strip) -> list[Any]:
    answers = ((visible(said.label), said.confidence, said.right) for said in (strip.before, strip.after))
    return [strip.column, visible(strip.true), *answers]


def truth_of(board: Board) -> dict[str, Any]:
    """What all models of a board share: the classes of the split."""
    labels = np.asarray(board.dataset.labels(board.suite.dataset.split), dtype=np.int64)
    return {"n": len(labels), "true": numbers(labels), "classes": [visible(name) for name in board.dataset.classes]}


def bits(mask: NDArray[np.bool_]) -> str:
    """`(N,)` as base64 of its bits, the first example the lowest bit of the first byte."""
    return base64.b64encode(np.packbits(mask, bitorder="little").tobytes()).decode("ascii")


def numbers(values: NDArray[np.int64]) -> dict[str, Any]:
    """`(N,)` of small numbers as base64 of one byte each, or of two, the lower one first."""
    width = 1 if values.max(initial=0) < 256 else 2
    return {"width": width, "values": base64.b64encode(values.astype(f"<u{width}").tobytes()).decode("ascii")}


def script(key: str, data: dict[str, Any]) -> bytes:
    """A script that hands over data; nothing in it is read as anything but a string or a number."""
    return f"potemkin.receive({json.dumps(key)}, {json.dumps(data, separators=(',', ':'))});\n".encode("ascii")
