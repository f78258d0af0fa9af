"""The text of a table's cells, and how rows are picked for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from bench.attacks import attack_class
from bench.board.rows import Row

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


def special(row: Row, always: Collection[str] = ()) -> dict[str, Any]:
    """Parameters that need mention: those that are not at the attack's defaults, and those named."""
    if row.parameters is None:
        return {}
    usual = attack_class(row.attack).model_fields
    return {key: value for key, value in row.parameters.items() if key in always or value != usual[key].default}


def label(row: Row, whole: int = 0, always: Collection[str] = ()) -> str:
    """Such as `fgsm l2 0.5`, `fgsm 0.25 unclipped`, `iterated-fgsm 0.25 steps 40 (n=500)`, `fgsm 0.1 least-likely`.

    The n is told where it is less than `whole`, a parameter at its default where it is named in `always`.
    """
    if row.attack == "clean":
        return row.attack
    words = [row.attack]
    if row.norm == "l2":
        words.append("l2")
    if row.eps is not None:
        words.append(f"{row.eps:.3g}")
    if row.clip is False:
        words.append("unclipped")
    words += [_value(key, value) for key, value in special(row, always).items()]
    if 0 < row.n < whole:
        words.append(f"(n={row.n})")
    return " ".join(words)


def _value(key: str, value: Any) -> str:
    if value is None:
        return f"no {key}"
    return value if isinstance(value, str) else f"{key} {value:g}"
