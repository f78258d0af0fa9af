"""What layouts are made of: tables by what their columns say of a line, rows by column and line, the text of cells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from bench.board.rows import Row
from bench.table import Table

Line = TypeVar("Line")
Column = tuple[str, Callable[[Line], str]]
"""A header, and the text below it of a line."""
Pivot = dict[str, dict[str, Row]]
"""A row for each cell, by column and line."""
FEWER = "*"
"""What follows a number over fewer examples than others of its column."""
NO_NUMBER = {"unsupported": "n/a", "error": "error", "missing": ""}
"""What stands in a cell whose row has no number, by status."""


def drawn(
    title: str,
    lines: Iterable[Line],
    columns: Sequence[Column[Line]],
    terms: str = "",
    *,
    note: str = "",
    least: Sequence[str] = (),
    key: int = 1,
) -> Table:
    """A table with a row for every line; what it takes besides is told in `Table`."""
    body = tuple(tuple(text(line) for _, text in columns) for line in lines)
    return Table(title, tuple(header for header, _ in columns), body, note, terms, tuple(least), key)


def pivot(rows: Iterable[Row], column: Callable[[Row], str], line: Callable[[Row], str] | None = None) -> Pivot:
    """Rows by column and line, the model unless told otherwise; of several for one cell that over most examples."""
    found: Pivot = {}
    for row in rows:
        cells, name = found.setdefault(column(row), {}), line(row) if line else row.model
        if name not in cells or cells[name].n < row.n:
            cells[name] = row
    return found


def across(found: Mapping[str, Mapping[str, Row | None]], show: Callable[[Row | None], str]) -> list[Column[str]]:
    """The columns of a pivot, with a mark where a number is over fewer examples than others of its column."""

    def column(head: str) -> Column[str]:
        most = _most(found[head])
        return head, lambda line: f"{show(found[head].get(line))}{FEWER * _is_of_fewer(found[head].get(line), most)}"

    return [column(head) for head in found]


def fewer(found: Mapping[str, Mapping[str, Row | None]]) -> str:
    """What the marks in the columns of a pivot mean; empty where there are none."""
    smaller: dict[int, dict[str, None]] = {}
    for cells in found.values():
        most = _most(cells)
        for line, row in cells.items():
            if row is not None and _is_of_fewer(row, most):
                smaller.setdefault(row.n, {})[line] = None
    told = "; ".join(f"n={n} of {', '.join(smaller[n])}" for n in sorted(smaller))
    return f"{FEWER} of fewer examples than others of its column: {told}." if told else ""


def _most(cells: Mapping[str, Row | None]) -> int:
    return max((row.n for row in cells.values() if row is not None and row.status == "ok"), default=0)


def _is_of_fewer(row: Row | None, most: int) -> bool:
    return row is not None and row.status == "ok" and row.n < most


def by_model(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows of each model."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.model, []).append(row)
    return groups


# -- the text of cells -------------------------------------------------------------------------------------------------


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


def shown(row: Row | None, text: Callable[[Row], str]) -> str:
    """The text of a row, or why there is none."""
    return "" if row is None else text(row) if row.status == "ok" else NO_NUMBER[row.status]


def rate(name: str, none: str = "") -> Callable[[Row | None], str]:
    """The text of a rate of rows, such as `error`; `none` where a row has none."""
    return lambda row: shown(row, lambda row: none if getattr(row, name) is None else percent(getattr(row, name)))


RISKY = "In brackets: the probability that the proof of an example is wrong, where it rests on sampling."


def certified(row: Row | None) -> str:
    """The text of certified accuracy, with the error probability of a proof where it has one; `-` of no certificate."""
    risk = "" if row is None or row.certified_risk is None else f" ({row.certified_risk:g})"
    return f"{rate('certified', '-')(row)}{risk}"


def risky(rows: Iterable[Row]) -> list[str]:
    """The line that says what brackets mean, where there are some."""
    return [RISKY] if any(row.certified_risk is not None for row in rows) else []


def flags(row: Row) -> str:
    """The flags of its model."""
    return ", ".join(row.flags)


def sizes(rows: Iterable[Asking]) -> dict[float | None, str]:
    """The text of every epsilon: three digits, or as many as tell them apart."""
    found = sorted({row.eps for row in rows if row.eps is not None})
    texts = ([f"{eps:.{digits}g}" for eps in found] for digits in range(3, 18))
    return {None: "", **dict(zip(found, next(told for told in texts if len({*told}) == len(found)), strict=True))}


def varied(rows: Iterable[Row]) -> dict[str, set[str]]:
    """For each attack the parameters that tell its rows apart."""
    values: dict[str, dict[str, set[str]]] = {}
    for row in rows:
        known = values.setdefault(row.attack, {})
        for key, value in (row.parameters or {}).items():
            known.setdefault(key, set()).add(repr(value))
    return {attack: {key for key, seen in known.items() if len(seen) > 1} for attack, known in values.items()}


class Asking(Protocol):
    """Whatever says what was asked: a row of a board, a line of a comparison."""

    @property
    def attack(self) -> str: ...
    @property
    def role(self) -> str | None: ...
    @property
    def norm(self) -> str | None: ...
    @property
    def eps(self) -> float | None: ...
    @property
    def clip(self) -> bool | None: ...
    @property
    def parameters(self) -> Mapping[str, Any] | None: ...
    @property
    def special(self) -> Mapping[str, Any]: ...
    @property
    def n(self) -> int: ...


def label(row: Asking, told: Mapping[float | None, str] = {}, whole: int = 0, always: Collection[str] = ()) -> str:
    """Such as `fgsm l2 0.5`, `fgsm 0.25 unclipped`, `iterated-fgsm 0.25 steps 40 (n=500)`, `fgsm 0.1 least-likely`.

    The epsilon is left out where the texts of epsilons are not given. The n is told where it is less than `whole`, a
    parameter at its default where it is named in `always`.
    """
    if row.role == "clean":
        return row.attack
    words = [row.attack]
    if row.norm not in (None, "linf"):
        words.append(str(row.norm))
    if row.eps in told and row.eps is not None:
        words.append(told[row.eps])
    if row.clip is False:
        words.append("unclipped")
    parameters = (row.parameters or {}).items()
    words += [_value(key, value) for key, value in parameters if key in always or key in row.special]
    if 0 < row.n < whole:
        words.append(f"(n={row.n})")
    return " ".join(words)


def _value(key: str, value: Any) -> str:
    if value is None:
        return f"no {key}"
    if isinstance(value, (list, tuple)):
        return f"{key} {', '.join(f'{each:g}' for each in value)}"
    return value if isinstance(value, str) else f"{key} {value:g}"
