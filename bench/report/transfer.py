"""The layout of a transfer suite: a matrix of sources by targets, with what is no transfer beside it."""

from __future__ import annotations

from collections.abc import Sequence

from bench.board.rows import Row
from bench.planning.suite import Suite
from bench.report.layout import Column, across, by_model, drawn, fewer, label, percent, pivot, rate, sizes, varied
from bench.table import Table

CRAFTED = ("gradient", "minimum-norm", "query")
"""Roles of the attacks that may transfer."""
TERMS = (
    "Share of all examples labelled wrongly, %; a column a target. The diagonal is white-box.",
    "Over the examples that both models have right when clean, %.",
    "Share of the examples that both label wrongly to which both give the same wrong class, %; in brackets "
    "that of two models that make the same mistakes independently.",
)


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """For each attack and epsilon the errors, the conditional success and the agreement."""
    told, apart = sizes(rows), varied(rows)
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        if row.role in CRAFTED and row.eps is not None:
            kinds.setdefault(label(row, always=apart[row.attack]), []).append(row)
    made = []
    for kind, crafted in kinds.items():
        for eps in sorted({row.eps for row in crafted if row.eps is not None}):
            here = [row for row in crafted if row.eps == eps]
            noise = [row for row in rows if row.role == "noise" and (row.norm, row.eps) == (here[0].norm, eps)]
            beside = [(f"({row.attack})", row) for row in (*(row for row in rows if row.role == "clean"), *noise)]
            at = f"under {kind} at eps {told[eps]}" if len(kinds) > 1 else f"at eps {told[eps]}"
            made += _of(f"{suite.suite} v{suite.version}", at, list(by_model(rows)), here, beside)
    return made


def _of(suite: str, at: str, targets: list[str], crafted: list[Row], beside: list[tuple[str, Row]]) -> list[Table]:
    """The tables of one attack at one epsilon."""
    told = {id(row): name for name, row in beside}
    answered = [row for row in crafted if row.status != "unsupported"]
    sources = {str(row.source): f"{row.source} ({row.source_gradient or ''})" for row in answered}
    rows = [*crafted, *(row for _, row in beside)]
    cells = pivot(rows, lambda row: row.target, lambda row: told.get(id(row), str(row.source)))
    cells = {target: cells[target] for target in targets if target in cells}
    lines = [*sources, *dict.fromkeys(told.values())]
    crafted_on: Column[str] = ("crafted on", lambda line: sources.get(line, line))
    errors, given, agreement = (across(cells, show) for show in (rate("error"), _given, _agreement))
    note, source = fewer(cells), ("crafted on", str)
    return [
        drawn(f"{suite}: error {at}, source by target", lines, [crafted_on, *errors], TERMS[0], note=note),
        drawn(f"P(target fooled | source fooled) {at}", sources, [source, *given], TERMS[1], note=note),
        drawn(f"Agreement on common mistakes {at}", sources, [source, *agreement], TERMS[2], note=note),
    ]


def _given(row: Row | None) -> str:
    return percent(row.transfer.given_source_fooled) if row and row.transfer else ""


def _agreement(row: Row | None) -> str:
    if row is None or row.transfer is None or row.transfer.common_rate is None:
        return ""
    return f"{percent(row.transfer.common_rate)} ({percent(row.transfer.common_chance)})"
