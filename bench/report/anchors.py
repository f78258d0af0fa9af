"""The layout of nets that others attacked and published: their numbers and ours, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from bench.board.rows import WORST, Row
from bench.planning.suite import RankBy, Suite
from bench.report import worst_case
from bench.report.layout import Column, by_model, drawn
from bench.strict_yaml import read_yaml
from bench.table import Table

NUMBERS = Path(__file__).with_name("anchors.yaml")
NOTE = (
    "Errors of all n examples, %, within the size that the suite ranks by. Exact: the truth lies between what the "
    "attacks reach and what the certificates leave unproved. Certificate: the latter, mistakes included."
)


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """Published and ours, then the tables of a worst-case suite."""
    by, models = suite.rank_by, by_model(rows)
    numbers = _numbers()
    known = [anchor for anchor in numbers["anchors"] if anchor["model"] in models]
    if by is None or not known:
        return worst_case.tables(suite, rows)
    columns: list[Column[Mapping[str, Any]]] = [
        ("model", lambda anchor: str(anchor["model"])),
        ("what", lambda anchor: str(anchor["what"])),
        ("published", lambda anchor: _published(anchor.get("published"))),
        ("ours", lambda anchor: OURS[anchor["ours"]](by, models[anchor["model"]])),
    ]
    told = {anchor["source"]: numbers["sources"][anchor["source"]] for anchor in known if "source" in anchor}
    note = f"{NOTE} Published: {'; '.join(told.values())}."
    first = drawn(f"{suite.suite} v{suite.version}: published and ours", known, columns, note)
    return [first, *worst_case.tables(suite, rows)]


@cache
def _numbers() -> dict[str, Any]:
    found, _ = read_yaml(NUMBERS.read_text(encoding="utf-8"), NUMBERS.name)
    assert isinstance(found, dict)
    return found


def _published(value: float | Sequence[float] | None) -> str:
    """Two decimals, as they were published."""
    if value is None:
        return worst_case.NOTHING
    ends = [value] if isinstance(value, (int, float)) else value
    return " to ".join(f"{100 * end:.2f}" for end in ends)


def _error(value: float | None) -> str:
    return worst_case.NOTHING if value is None else f"{100 * value:.2f}"


def _clean(by: RankBy, own: Sequence[Row]) -> str:
    return _error(next((row.error for row in own if row.role == "clean"), None))


def _strongest(single: bool) -> Callable[[RankBy, Sequence[Row]], str]:
    def text(by: RankBy, own: Sequence[Row]) -> str:
        alike = [row for row in own if (row.norm, row.eps, row.clip) == (by.norm, by.eps, by.clip)]
        mine = [row for row in alike if row.role == "gradient" and row.single_step == single]
        return _error(max((row.error for row in mine if row.error is not None), default=None))

    return text


def _worst(own: Sequence[Row]) -> tuple[float | None, float | None]:
    """Errors that were attacked, and that nothing proves away."""
    worst = next((row for row in own if row.attack == WORST), None)
    if worst is None or worst.robust_accuracy is None:
        return None, None
    return 1 - worst.robust_accuracy, None if worst.certified is None else 1 - worst.certified


def _bracket(by: RankBy, own: Sequence[Row]) -> str:
    attacked, unproved = _worst(own)
    if attacked is None or unproved is None:
        return _error(attacked) + (" or more" if attacked is not None else "")
    return _error(attacked) if _error(attacked) == _error(unproved) else f"{_error(attacked)} to {_error(unproved)}"


def _certificate(by: RankBy, own: Sequence[Row]) -> str:
    return _error(_worst(own)[1])


OURS: dict[str, Callable[[RankBy, Sequence[Row]], str]] = {
    "clean": _clean,
    "single-step": _strongest(single=True),
    "gradient": _strongest(single=False),
    "bracket": _bracket,
    "certificate": _certificate,
}
"""What stands beside a published number, by the word of the data file."""
