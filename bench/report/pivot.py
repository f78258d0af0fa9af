"""The pivot that every layout is made by: rows by column and line, and tables by what their columns say of a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from bench.board.rows import Row
from bench.table import Table

Line = TypeVar("Line")
Column = tuple[str, Callable[[Line], str]]
"""A header, and the text below it of a line."""
Pivot = dict[str, dict[str, Row]]
"""A row for each cell, by column and line."""


def drawn(title: str, lines: Iterable[Line], columns: Sequence[Column[Line]], note: str = "") -> Table:
    """A table with a row for every line."""
    body = tuple(tuple(text(line) for _, text in columns) for line in lines)
    return Table(title, tuple(header for header, _ in columns), body, note)


def pivot(rows: Iterable[Row], column: Callable[[Row], str], line: Callable[[Row], str] | None = None) -> Pivot:
    """Rows by column and line, the model unless told otherwise; of several for one cell that over most examples."""
    found: Pivot = {}
    for row in rows:
        cells, name = found.setdefault(column(row), {}), line(row) if line else row.model
        if name not in cells or cells[name].n < row.n:
            cells[name] = row
    return found


def across(found: Mapping[str, Mapping[str, Row | None]], show: Callable[[Row | None], str]) -> list[Column[str]]:
    """The columns of a pivot."""

    def column(head: str) -> Column[str]:
        return head, lambda line: show(found[head].get(line))

    return [column(head) for head in found]


def by_model(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows of each model."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.model, []).append(row)
    return groups
