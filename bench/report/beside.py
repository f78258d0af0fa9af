"""Two boards of one suite side by side: what we measured and what is published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.board.rows import WORST, Row
from bench.planning.suite import Suite
from bench.report.layout import Column, across, drawn, percent
from bench.table import Table

Board = Mapping[tuple[object, ...], Row]


def compared(suite: Suite, ours: Sequence[Row], published: Sequence[Row]) -> Table:
    """Clean and robust accuracy of each model, ours and published, and the largest difference of any of its rows."""
    mine, theirs = ({_key(row): row for row in board} for board in (ours, published))
    us, them = ({row.model: row for row in board if row.attack == WORST} for board in (ours, published))

    both = [model for model in us if model in them]
    same = [model for model in both if us[model].fingerprint == them[model].fingerprint]

    def other(model: str) -> str:
        return "refitted" if model in suite.models else "another version"

    def weights(model: str) -> str:
        return "" if model not in both else "same" if model in same else other(model)

    columns: list[Column[str]] = [("model", str)]
    size = suite.rank_by.eps if suite.rank_by else 0
    shows: dict[str, Callable[[Row | None], str]] = {
        "clean": lambda row: percent(row.clean_accuracy if row else None),
        f"worst {size:g}": lambda row: percent(row.robust_accuracy if row else None),
        "rank": lambda row: str((row and (row.place or row.rank)) or "-"),
    }
    for what, show in shows.items():
        columns += across({f"{what}, ours": us, f"{what}, published": them}, show)
    columns += [("largest difference", lambda model: _largest(model, mine, theirs)), ("weights", weights)]
    terms = "Accuracies in %. Largest difference: of the error of any row of the model, in points."
    lines = []
    if alike := [model for model in same if model in suite.models]:
        lines.append(f"Reference models that are the published ones, bit for bit: {', '.join(alike)}.")
    if refitted := [model for model in both if model not in same and model in suite.models]:
        lines.append(f"Refitted, with another fingerprint than the published: {', '.join(refitted)}.")
    title = f"{suite.suite} v{suite.version}: our run beside the published one"
    return drawn(title, {**us, **them}, columns, terms, note=" ".join(lines))


def _key(row: Row) -> tuple[object, ...]:
    return row.model, row.attack, str(row.parameters), row.norm, row.eps, row.clip, row.source


def _largest(model: str, mine: Board, theirs: Board) -> str:
    pairs = [(row.error, theirs[key].error) for key, row in mine.items() if row.model == model and key in theirs]
    gaps = [abs(ours - published) for ours, published in pairs if ours is not None and published is not None]
    return f"{100 * max(gaps):.2f}" if gaps else ""
