"""The main table of a suite: a model a line, first what it is ranked by, then every attack on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.board.losses import JOINED
from bench.board.rows import BRACKET, WORST, Row
from bench.report.layout import label, percent
from bench.report.page.drawing import Bar, bar
from bench.report.page.given import Board
from bench.report.robustness import place, stands, status

BY_DISTANCE = ("minimum-norm", "certificate")
"""Roles of attacks that are run once for all sizes."""
Ends = tuple[float | None, float | None]
"""Of an interval."""


@dataclass(frozen=True)
class Cell:
    """A rate as a column shows it."""

    text: str
    """A number in percent, or why there is none."""
    value: float | None = None
    """What columns are sorted by."""
    bar: Bar | None = None
    title: str = ""
    """The interval, n, or the reason."""
    bad: bool = False
    """Whether it is a rate of what should not be."""


@dataclass(frozen=True)
class Column:
    head: str
    extra: bool
    """Whether it shows on demand alone."""
    cells: Mapping[str, Cell]
    """By model."""
    title: str = ""
    """The attack with all its parameters."""


@dataclass(frozen=True)
class Entrant:
    """What a line says beside its rates."""

    name: str
    rank: str
    order: int
    gradient: str
    family: str
    n: int
    status: str
    flags: Sequence[str]
    versions: int


@dataclass(frozen=True)
class Ranking:
    entrants: Sequence[Entrant]
    columns: Sequence[Column]
    ranked: bool
    """Whether any model was attacked within the threat that the suite ranks by."""
    generated: bool
    """Whether there are rates of generated inputs."""

    @property
    def told(self) -> bool:
        """Whether there is more to show than clean accuracy."""
        return len(self.columns) > 1


def ranking(board: Board) -> Ranking:
    """Of all models of a board; those in the order of rank."""
    models = dict(sorted(board.by_model.items(), key=lambda item: place(item[1])))
    by = board.suite.rank_by
    entrants = []
    for order, (name, own) in enumerate(models.items()):
        head = own[0]
        entrants.append(
            Entrant(
                name,
                stands(head),
                order,
                head.gradient,
                head.family,
                max(row.n for row in own),
                status(by, own),
                head.flags,
                head.versions_tried,
            )
        )
    made = _generated(models, board.varied)
    ranked = any(row.attack == WORST for row in board.rows)
    return Ranking(entrants, [*_columns(board, models), *made], ranked, bool(made))


def _columns(board: Board, models: Mapping[str, Sequence[Row]]) -> list[Column]:
    told, by = board.sizes, board.suite.rank_by
    worst = {name: row for name, own in models.items() for row in own if row.attack == WORST}
    clean = {name: row for name, own in models.items() for row in own if row.role == "clean"}
    found = []
    if by is not None:
        cells = {name: rate_cell(row, of_clean=True) for name, row in worst.items()}
        found.append(Column(f"worst {told.get(by.eps, '')}".strip(), False, cells))
        if any(row.certified is not None for row in worst.values()):
            cells = {name: _certified(row) for name, row in worst.items()}
            found.append(Column(f"certified {told.get(by.eps, '')}", False, cells))
    found.append(Column("clean", False, {name: _clean(row) for name, row in clean.items()}))
    grouped: dict[str, tuple[bool, dict[str, Row]]] = {}
    for name, own in models.items():
        whole = max(row.n for row in own)
        for row in _own(own):
            at = by is None or (row.norm, row.eps) == (by.norm, by.eps)
            _, cells_of = grouped.setdefault(_called(row, told, whole), (not at or _is_part(row, own), {}))
            if name not in cells_of or cells_of[name].n < row.n:
                cells_of[name] = row
    shorter = _shortened(list(grouped), told)
    # What few models met comes after what all did, and shows on demand.
    rare = {called: extra or 2 * len(of) < len(models) for called, (extra, of) in grouped.items()}
    for called, (_, of) in sorted(grouped.items(), key=lambda item: (rare[item[0]], -len(item[1][1]))):
        found.append(Column(shorter[called], rare[called], {name: rate_cell(row) for name, row in of.items()}, called))
    met = {name: _transferred(board, own) for name, own in models.items()}
    best = {name: row for name, row in met.items() if row is not None}
    if by is not None and best:
        found.insert(len(found) - sum(column.extra for column in found), _transfer_column(told[by.eps], best))
    return found


def _own(rows: Sequence[Row]) -> list[Row]:
    """Those of attacks at a size, on the model itself, and of noise."""
    return [
        row
        for row in rows
        if row.attack not in (WORST, BRACKET)
        and row.role not in ("clean", "generated", *BY_DISTANCE)
        and row.source in (None, row.model)
        and row.eps is not None
    ] + [row for row in rows if row.role == "minimum-norm" and row.source == row.model and row.eps is not None]


def _called(row: Row, told: Mapping[float | None, str], whole: int) -> str:
    """What tells a row from every other; the losses of an attack by their names, all of them together by none."""
    joined = (row.parameters or {}).get("loss") == JOINED
    return label(row, told, whole, always=() if joined else ("loss",)).replace(f" {JOINED}", "")


def _shortened(names: Sequence[str], told: Mapping[float | None, str]) -> dict[str, str]:
    """Names without the parameters after the size, where they are told apart without them."""
    short = {name: _short(name, told) for name in names}
    return {name: cut if list(short.values()).count(cut) == 1 else name for name, cut in short.items()}


def _short(name: str, told: Mapping[float | None, str]) -> str:
    words = name.split(" ")
    size = next((place for place, word in enumerate(words) if word in told.values() and word), len(words) - 1)
    marks = [word for word in words[size + 1 :] if word == "unclipped" or word.startswith("(n=")]
    return " ".join([*words[: size + 1], *marks])


def _is_part(row: Row, own: Sequence[Row]) -> bool:
    """Whether it is one of the losses of an attack that a row of all its losses stands for."""
    joined = [other for other in own if (other.parameters or {}).get("loss") == JOINED and other is not row]
    return any((other.attack, other.norm, other.eps) == (row.attack, row.norm, row.eps) for other in joined)


def _transferred(board: Board, own: Sequence[Row]) -> Row | None:
    """The transfer of the ranking's size, from the suite's own models, that fools most."""
    by = board.suite.rank_by
    foreign = [row for row in own if row.source in board.suite.models and row.source != row.model and by]
    alike = [row for row in foreign if by and (row.norm, row.eps, row.clip) == (by.norm, by.eps, by.clip)]
    return min((row for row in alike if row.robust_accuracy is not None), key=_robust, default=None)


def _robust(row: Row) -> float:
    return row.robust_accuracy or 0.0


def _transfer_column(size: str, best: Mapping[str, Row]) -> Column:
    cells = {name: rate_cell(row, f"crafted on {row.source}") for name, row in best.items()}
    return Column(f"best transfer {size}", False, cells)


def _generated(models: Mapping[str, Sequence[Row]], apart: Mapping[str, set[str]]) -> list[Column]:
    """A column for each kind of generated inputs, of which models should be confident about none."""
    found: dict[str, dict[str, Cell]] = {}
    for name, own in models.items():
        for row in own:
            if row.role == "generated" and row.source in (None, row.model):
                called = label(row, always=apart[row.attack])
                found.setdefault(f"{called} {'fooled' if row.source else 'confident'}", {})[name] = _wrong(row)
    return [Column(head, False, cells) for head, cells in found.items()]


def _wrong(row: Row) -> Cell:
    if row.error is None:
        return Cell("n/a", title=row.reason or "it gives no softmax or sigmoid probabilities")
    above = "" if row.threshold is None else f"probability above {row.threshold:g}"
    return replace(_measured(row.error, (row.ci_low, row.ci_high), row.n, above), bad=True)


def rate_cell(row: Row, note: str = "", *, of_clean: bool = False) -> Cell:
    """The robust accuracy of a row, or why it has none."""
    if row.status != "ok":
        text = {"unsupported": "n/a", "error": "error", "missing": ""}[row.status]
        return Cell(text, title=row.reason or row.status)
    if row.robust_accuracy is None:
        return Cell("")
    told = _told((row.ci_low, row.ci_high), row.n, note)
    return Cell(percent(row.robust_accuracy), row.robust_accuracy, bar(row, of_clean=of_clean), told)


def _clean(row: Row) -> Cell:
    if row.clean_accuracy is None:
        return Cell({"error": "error"}.get(row.status, ""), title=row.reason or row.status)
    return _measured(row.clean_accuracy, (row.ci_low, row.ci_high), row.n)


def _certified(row: Row) -> Cell:
    if row.certified is None:
        return Cell("-", title="nothing certifies this model, which is not 0")
    risk = "" if row.certified_risk is None else f"each proof wrong with probability {row.certified_risk:g} at most"
    return _measured(row.certified, (row.certified_low, row.certified_high), row.n, risk)


def _measured(share: float, ends: Ends, n: int, note: str = "") -> Cell:
    drawn = (None if end is None else round(100 * end, 2) for end in ends)
    return Cell(percent(share), share, Bar(round(100 * share, 2), *drawn), _told(ends, n, note))


def _told(ends: Ends, n: int, note: str) -> str:
    interval = "" if ends[0] is None else f"95% {percent(ends[0])}–{percent(ends[1])}"
    return ", ".join(filter(None, (interval, f"n={n}", note)))
