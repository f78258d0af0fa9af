"""A file of one number, and the line that the scoreboard gives it when its cells came to known answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from handmade import model, shelved, toy

from bench.paper.evidence import Evidence, Known
from bench.paper.numbers import Group, Number, Numbers
from bench.paper.protocol import suite_of
from bench.paper.scoreboard import Line, scoreboard
from bench.records.record import Cell

TRUE = [0, 1, 2, 0, 1, 2]
CLEAN = [0, 1, 2, 0, 1, 1]
"""One mistake, the last."""
FOOLED = [1, 2, 0, 1, 1, 1]
"""Wrong but for the fifth."""
FGSM = {"dataset": "toy", "model": "a", "attack": "fgsm", "eps": 0.25, "clip": False}


def number(**given: Any) -> Number:
    """A number that measures the FGSM error of `a` unless told otherwise."""
    whole: dict[str, Any] = {
        "id": "one",
        "where": "section 1",
        "what": "Something.",
        "conditions": FGSM,
        "claim": "error >= 0.5",
        "measure": {"error": "error"},
    }
    if "published" in given:
        whole |= {"because": "so.", "tolerance": dict.fromkeys(given["published"], 0.01)}
    return Number.model_validate(whole | given)


def file_of(*numbers: Number) -> Numbers:
    """A file of numbers."""
    group = Group(title="One", source="paper", numbers=numbers)
    return Numbers(title="Toy", sources={"paper": "A paper"}, groups=(group,))


def fooled(asked: Cell) -> Any:
    """Right when clean, fooled otherwise, as sure as can be told apart."""
    if asked.craft.attack.name == "clean":
        return CLEAN, {"confidence": 0.9}
    return FOOLED, {"confidence_on_mistakes": 0.75, "confidence": 0.7}


def judged(asked: Number, answer: Callable[[Cell], Any] = fooled, models: Sequence[str] = "abc", **more: Any) -> Line:
    """The line of one number whose cells came to these answers on these models."""
    numbers = file_of(asked)
    infos = {name: model(name, confidence_kind="softmax") for name in models}
    records, failures = {}, {}
    if asked.measure:
        suite = suite_of(m for m in numbers.measures if {m.model, m.source, m.of} <= {*infos, None})
        records, failures = shelved(suite, answer, references=list(infos.values()))
    known = Known(toy(), frozenset(infos), frozenset(infos), infos)
    (line,) = scoreboard(numbers, Evidence(records, failures, {"toy": known}, {"nowhere": "no dataset here"}, **more))
    assert json.loads(json.dumps(line.as_dict(), allow_nan=False))["verdict"] == line.verdict
    return line


def unrun(row: Number) -> Line:
    """The line of a number of which nothing is recorded."""
    numbers = file_of(row)
    infos = {name: model(name) for name in "abc"}
    known = Known(toy(), frozenset("abcd"), frozenset("ab"), infos)
    (line,) = scoreboard(numbers, Evidence({}, {}, {"toy": known}, {"nowhere": "no dataset here"}))
    return line
