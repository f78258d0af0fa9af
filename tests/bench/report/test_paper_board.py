"""The board of the paper's measurements: a line for every row."""

from __future__ import annotations

from typing import Any

from boards import CLEAN, A, B, answers
from handmade import model, result, suite_of, viewed

from bench.board.rows import rows
from bench.records.record import Cell
from bench.report.boards import tables

MEASURED = """\
  - {attack: clean, models: [a]}
  - {attack: fgsm, norm: linf, eps: 0.1, clip: false, models: [a, b]}
  - {attack: fgsm, norm: linf, eps: 0.1, sources: [b], models: [a]}
  - {attack: rotation, degrees: 10, models: [a]}
  - {attack: rotation, degrees: 20, models: [a]}
  - {attack: rotation, degrees: 30, models: [a]}
  - {attack: iterated-fgsm, norm: linf, eps: 0.1, n: 3, models: [b]}
  - {attack: gaussian-rubbish, n: 4, models: [a]}"""


def measured(b: Any, given: dict[Any, Any] | None = None) -> dict[str, list[tuple[str, ...]]]:
    """The tables of the paper's board by title."""
    suite = suite_of(MEASURED, ["a", "b"], board="paper")

    def answer(asked: Cell) -> Any:
        if asked.craft.attack.name == "gaussian-rubbish":
            return result(asked, [0, 2, 2, 1], None, successes=3, success_classes=(1, 0, 2), margin=[1.0] * 4)
        if asked.craft.attack.parameters.get("degrees") == 20:
            return None
        return [0, 1, 0] if asked.craft.slice.n == 3 else answers(given or {})(asked)

    made = tables(suite, rows(viewed(suite, answer, references=[A, b])))
    return {table.title: list(table.rows) for table in made}


def test_a_line_for_every_row_that_was_judged() -> None:
    wrong = ([1, 2, 0, 1, 1, 2], {"confidence_on_mistakes": 0.25})
    found = measured(B, {("a", "a", 0.1): wrong, ("a", "b", 0.1): [1, 1, 2, 0, 1, 1]})
    assert found["toy-suite v1: "] == [
        ("a", "clean", "6", "16.7", "16.7", ""),
        ("a", "fgsm 0.1 unclipped", "6", "16.7", "66.7", "25.0"),
        ("a", "fgsm 0.1 from b", "6", "16.7", "33.3", ""),
        ("a", "rotation degrees 10", "6", "16.7", "16.7", ""),
        ("a", "rotation degrees 30", "6", "16.7", "16.7", ""),
        ("a", "gaussian-rubbish", "4", "16.7", "75.0", ""),
        ("b", "clean", "6", "16.7", "16.7", ""),
        ("b", "fgsm 0.1 unclipped", "6", "16.7", "16.7", ""),
        ("b", "fgsm 0.1", "6", "16.7", "16.7", ""),
        ("b", "iterated-fgsm 0.1", "3", "33.3", "33.3", ""),
    ]


def test_quick_models_are_marked_as_targets_and_as_sources() -> None:
    short = "quick: 3 epochs of all examples"
    found = measured(model("b", notes=(short,)), {"b": (CLEAN, {"flags": (short,)})})
    lines = next(iter(found.values()))
    assert {line[0] for line in lines} == {"a", "b (quick)"}
    assert [line[1] for line in lines if "from" in line[1]] == ["fgsm 0.1 from b (quick)"]
    assert found["Flags"] == [("b", short)]
