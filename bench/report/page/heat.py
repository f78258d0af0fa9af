"""The heat map of a transfer matrix, as numbers for the templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil

from bench.board.rows import Row
from bench.report.layout import percent


@dataclass(frozen=True)
class Heat:
    """A matrix of errors under transfer: a line for each source, a column for each target."""

    title: str
    targets: Sequence[str]
    lines: Sequence[tuple[str, str, Sequence[HeatCell]]]
    """Of each the source, what is said of it, and its cells."""


@dataclass(frozen=True)
class HeatCell:
    """The error of a target, or several targets beside each other that nobody asked."""

    text: str
    shade: int | None = None
    """From 0 to 10; None where there is no number."""
    own: bool = False
    """Whether it is white-box."""
    span: int = 1
    """Columns: a matrix of hundreds of models is mostly empty, and a browser is spared these cells."""


def heat(title: str, targets: Sequence[str], lines: Mapping[tuple[str, str], Mapping[str, Row]]) -> Heat:
    """The matrix of the rows of each source, by target."""

    def cell(source: str, target: str, row: Row | None) -> HeatCell:
        if row is None or row.error is None:
            return HeatCell("" if row is None else {"unsupported": "n/a", "error": "error"}.get(row.status, ""))
        return HeatCell(percent(row.error), min(10, ceil(10 * row.error)), source == target)

    return Heat(
        title,
        targets,
        [(name, told, _joined(cell(name, t, by.get(t)) for t in targets)) for (name, told), by in lines.items()],
    )


def _joined(cells: Iterable[HeatCell]) -> list[HeatCell]:
    """Empty cells beside each other as one."""
    made: list[HeatCell] = []
    for cell in cells:
        if made and not cell.text and not made[-1].text:
            made[-1] = replace(made[-1], span=made[-1].span + 1)
        else:
            made.append(cell)
    return made
