"""The text of a table's cells, and how rows are picked for them."""

from __future__ import annotations

from collections.abc import Iterable

from bench.results.board import Row

NO_NUMBER = {"unsupported": "n/a", "error": "error", "missing": ""}
"""What stands in a cell whose row has no number, by status."""


def percent(share: float | None) -> str:
    """A share in percent with one decimal; never rounded up to a certainty that it is not."""
    if share is None:
        return ""
    if 0 < share < 0.0005:
        return "<0.1"
    if 0.9995 <= share < 1:
        return f"{100 * share:.2f}"
    return f"{100 * share:.1f}"


def interval(row: Row | None) -> str:
    """The 95% interval of a row's rate."""
    if row is None or row.ci_low is None or row.ci_high is None:
        return ""
    return f"{percent(row.ci_low)}–{percent(row.ci_high)}"


def robust(row: Row | None) -> str:
    """A row's robust accuracy."""
    if row is None:
        return ""
    return percent(row.robust_accuracy) if row.status == "ok" else NO_NUMBER[row.status]


def error(row: Row | None) -> str:
    """A row's error."""
    if row is None:
        return ""
    return percent(row.error) if row.status == "ok" else NO_NUMBER[row.status]


def by_model(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows of each model."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.model, []).append(row)
    return groups


def first(rows: Iterable[Row], **wanted: object) -> Row | None:
    """The row over most examples whose fields have these values."""
    found = [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]
    return max(found, key=lambda row: row.n, default=None)
