"""The layout of a transfer suite: a matrix of sources by targets, with what is no transfer beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bench.board.rows import Row
from bench.planning.suite import Suite
from bench.report.cells import Column, by_model, drawn, error, label, percent, sizes, varied
from bench.table import Table

Lines = dict[str, dict[str, Row]]
"""Rows by what they are crafted on, or by their attack in brackets, and by target."""


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """For each attack and epsilon the errors, the conditional success and the agreement."""
    targets, told, apart = list(by_model(rows)), sizes(rows), varied(rows)
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        if row.role in ("gradient", "minimum-norm", "query") and row.eps is not None:
            kinds.setdefault(label(row, always=apart[row.attack]), []).append(row)
    made = []
    for kind, crafted in kinds.items():
        for eps in sorted({row.eps for row in crafted if row.eps is not None}):
            here = [row for row in crafted if row.eps == eps]
            answered = {row.source for row in here if row.status != "unsupported"}
            lines = _lines((str(row.source), row) for row in here if row.source in answered)
            noise = [row for row in rows if row.role == "noise" and (row.norm, row.eps) == (here[0].norm, eps)]
            beside = [*(row for row in rows if row.role == "clean"), *noise]
            others = _lines((f"({label(row, always=apart[row.attack])})", row) for row in beside)
            at = f"under {kind} at eps {told[eps]}" if len(kinds) > 1 else f"at eps {told[eps]}"
            made += _of(f"{suite.suite} v{suite.version}: error {at}, source by target", at, targets, lines, others)
    return made


def _lines(named: Iterable[tuple[str, Row]]) -> Lines:
    """Of several rows of one line and target, the one over most examples."""
    lines: Lines = {}
    for name, row in named:
        line = lines.setdefault(name, {})
        if row.target not in line or line[row.target].n < row.n:
            line[row.target] = row
    return lines


def _of(title: str, at: str, targets: Sequence[str], lines: Lines, others: Lines) -> list[Table]:
    """The tables of one attack at one epsilon."""

    def matrix(title: str, lines: Lines, show: Callable[[Row | None], str], note: str) -> Table:
        def column(target: str) -> Column[str]:
            return target, lambda name: show(lines[name].get(target))

        return drawn(title, lines, [("crafted on", str), *(column(target) for target in targets)], note)

    kinds = {name: next(iter(line.values())).source_gradient or "" for name, line in lines.items()}
    told = {f"{name} ({kinds[name]})": line for name, line in lines.items()}
    return [
        matrix(
            title,
            told | others,
            error,
            "Share of all examples labelled wrongly, %; a column a target. The diagonal is white-box.",
        ),
        matrix(
            f"P(target fooled | source fooled) {at}",
            lines,
            lambda row: percent(row.transfer.given_source_fooled) if row and row.transfer else "",
            "Over the examples that both models have right when clean, %.",
        ),
        matrix(
            f"Agreement on common mistakes {at}",
            lines,
            _agreement,
            "Share of the examples that both label wrongly to which both give the same wrong class, %; in brackets "
            "that of two models that make the same mistakes independently.",
        ),
    ]


def _agreement(row: Row | None) -> str:
    if row is None or row.transfer is None or row.transfer.common_rate is None:
        return ""
    return f"{percent(row.transfer.common_rate)} ({percent(row.transfer.common_chance)})"
