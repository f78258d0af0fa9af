"""Flags that compare what different attacks did to one model."""

from __future__ import annotations

from typing import Any

import pytest
from boards import GRID, MANY, NOISE, TRANSFER, A, B
from handmade import suite_of, viewed

from bench.board.rows import rows
from bench.records.record import Cell


def fooled(count: int) -> list[int]:
    return [1] * count + [0] * (60 - count)


RIGHT = [0] * 60
ITERATED = "  - {attack: iterated-fgsm, norm: linf, eps: 0.1}"


@pytest.mark.parametrize(
    ("attacks", "given", "flags"),
    [
        (GRID, {("a", 0.1): fooled(5), ("a", 0.2): fooled(20)}, []),
        (GRID, {("a", 0.1): (fooled(5), {"unmoved": 1}), ("a", 0.2): fooled(20)}, []),  # the range may have cut it
        (GRID.replace("}", ", clip: false}"), {("a", 0.1): (fooled(5), {"unmoved": 1})}, ["zero-gradient"]),
        (GRID, {("a", 0.1): fooled(20), ("a", 0.2): fooled(2)}, ["not-monotone"]),
        (GRID, {("a", 0.1): fooled(6), ("a", 0.2): fooled(2)}, []),  # four examples are chance
        (GRID, {"a": fooled(20), ("a", 0.1): RIGHT, ("a", 0.2): RIGHT}, ["label-leaking"]),
        (f"{GRID}\n{NOISE}", {("a", "a", 0.1): RIGHT, ("a", "sign-noise", 0.1): fooled(12)}, ["weaker-than-noise"]),
        (f"{GRID}\n{NOISE}", {("a", "a", 0.1): RIGHT, ("a", "sign-noise", 0.1): fooled(4)}, []),
        (f"{GRID}\n{ITERATED}", {("a", "fgsm"): RIGHT, ("a", "iterated-fgsm"): fooled(12)}, ["single-step"]),
        (f"{GRID}\n{ITERATED}", {("a", "fgsm"): fooled(12), ("a", "iterated-fgsm"): RIGHT}, ["iterated-weaker"]),
    ],
)
def test_flags_that_compare_attacks(attacks: str, given: dict[Any, Any], flags: list[str]) -> None:
    def answer(asked: Cell) -> Any:
        attack, eps = asked.craft.attack.name, asked.threat.eps
        if attack == "clean":
            return given.get("a", RIGHT)
        own = asked.craft.source is not None
        keys = [("a", attack), ("a", "a" if own else attack, eps), ("a", eps)]
        return next((given[key] for key in keys if key in given), RIGHT)

    found = rows(viewed(suite_of(attacks), answer, dataset=MANY, guests=[A]))
    assert {tuple(row.flags) for row in found} == {tuple(flags)}


def test_transfer_that_beats_the_own_attack_is_flagged() -> None:
    def answer(asked: Cell) -> list[int]:
        source = asked.craft.source
        return fooled(12) if source and (source.name, asked.target.name) == ("b", "a") else RIGHT

    found = rows(viewed(suite_of(TRANSFER, ["a", "b"]), answer, dataset=MANY, references=[A, B]))
    assert {row.model: row.flags for row in found} == {"a": ["weaker-than-transfer"], "b": []}
