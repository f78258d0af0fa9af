"""The text of a table's cells."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

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


def shown(row: Row | None, text: Callable[[Row], str]) -> str:
    """The text of a row, or why there is none."""
    return "" if row is None else text(row) if row.status == "ok" else NO_NUMBER[row.status]


def rate(name: str) -> Callable[[Row | None], str]:
    """The text of a rate of rows, such as `error`."""
    return lambda row: shown(row, lambda row: percent(getattr(row, name)))


def flags(row: Row) -> str:
    """The flags of its model."""
    return ", ".join(row.flags)


def sizes(rows: Iterable[Row]) -> dict[float | None, str]:
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


def label(row: Row, told: Mapping[float | None, str] = {}, whole: int = 0, always: Collection[str] = ()) -> str:
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
    return value if isinstance(value, str) else f"{key} {value:g}"
