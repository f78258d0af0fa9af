"""What two models are compared by: a script file for each, which hands over what became of every example.

A page that was opened from a file may load scripts, and nothing else; so the data come as a call.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.board.losses import JOINED
from bench.board.sides import Key, Outcome, Question, Side, outcomes
from bench.report.page.given import Board
from bench.table import visible


def data_of(board: Board, model: str) -> dict[str, Any]:
    """What became of each example: for each attack two sets of bits, the examples that it covers and those that stay
    right. Sets that are the same are written once.
    """
    told, n = board.sizes, board.dataset.sizes[board.suite.dataset.split]
    known: dict[str, int] = {}
    rows = []
    for key, found in _shown(board, model).items():
        mask = np.zeros(n, dtype=bool)
        mask[found.index] = True
        robust = np.zeros(n, dtype=bool)
        robust[found.index] = found.success
        rows.append(
            {
                "key": json.dumps([*map(str, key)]),
                "label": _label(found.question, told),
                "known": known.setdefault(bits(mask), len(known)),
                "robust": bits(robust),
            }
        )
    return {"model": visible(model), "n": n, "known": list(known), "rows": rows}


def _shown(board: Board, model: str) -> dict[Key, Outcome]:
    """Of a model all that has a number, the worst of all first; what is certified has a table of its own."""
    by = board.suite.rank_by
    found = outcomes(Side(board.view, board.by_model[model][0], model))
    shown = {
        key: each
        for key, each in found.items()
        if each.status == "ok" and each.question.what != "certified" and len(each.index)
        if each.question.what != "worst" or (by is not None and each.question.eps == by.eps)
    }
    return dict(sorted(shown.items(), key=lambda item: item[1].question.what != "worst"))


def _label(found: Question, told: dict[float | None, str]) -> str:
    words = ["worst of all" if found.attack == "worst-of-all" else found.attack]
    if found.norm not in (None, "linf"):
        words.append(str(found.norm))
    if found.eps is not None:
        words.append(told.get(found.eps) or f"{found.eps:g}")
    if found.clip is False:
        words.append("unclipped")
    loss = found.parameters.get("loss")
    if isinstance(loss, str):
        words.append("all losses" if loss == JOINED else loss)
    words += [f"steps {found.parameters['steps']}"] if "steps" in found.parameters else []
    words += [f"target {target}"] if isinstance(target := found.parameters.get("target"), str) else []
    words += [f"from {found.source}"] if found.source else []
    return visible(" ".join(words))


def bits(mask: NDArray[np.bool_]) -> str:
    """`(N,)` as base64 of its bits, the first example the lowest bit of the first byte."""
    return base64.b64encode(np.packbits(mask, bitorder="little").tobytes()).decode("ascii")


def script(key: str, data: dict[str, Any]) -> bytes:
    """A script that hands over data; nothing in it is read as anything but a string or a number."""
    return f"potemkin.receive({json.dumps(key)}, {json.dumps(data, separators=(',', ':'))});\n".encode("ascii")
