"""Boards of two models and a guest, made by hand: attacks, what cells came to, and the row looked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from handmade import model, toy

from bench.board.rows import Row
from bench.records.record import Cell

GRID = "  - {attack: fgsm, norm: linf, eps: [0.1, 0.2]}"
TRANSFER = "  - {attack: fgsm, norm: linf, eps: 0.1, sources: all}"
NOISE = "  - {attack: sign-noise, norm: linf, eps: 0.1}"
RUBBISH = "  - {attack: gaussian-rubbish, n: 4}"
A, B, GUEST = model("a", confidence_kind="softmax"), model("b"), model("guest")
TRUE = [0, 1, 2, 0, 1, 2]
CLEAN = [0, 1, 2, 0, 1, 1]
"""One mistake, the last."""
MANY = toy([0] * 60)
"""Enough examples to tell one model from another."""


def answers(given: dict[Any, Any]) -> Callable[[Cell], Any]:
    """Answers by the clean target's name, by (target, eps), or by (target, source or attack, eps)."""

    def answer(asked: Cell) -> Any:
        name, attack, source = asked.target.name, asked.craft.attack.name, asked.craft.source
        if attack == "clean":
            return given.get(name, CLEAN)
        eps = asked.threat.eps
        for key in ((name, source.name if source else attack, eps), (name, eps), (name, attack)):
            if key in given:
                return given[key]
        return CLEAN

    return answer


def one(found: Sequence[Row], **wanted: Any) -> Row:
    (row,) = [row for row in found if all(getattr(row, name) == value for name, value in wanted.items())]
    return row
