"""What the page of a model shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.board.rows import BRACKET, WORST, Row
from bench.records.record import ModelInfo
from bench.records.verdicts import LEVELS, Level
from bench.report.layout import label as labelled
from bench.report.layout import percent
from bench.report.page.drawing import Chart
from bench.report.page.gallery import Sheets, Shown, pictured
from bench.report.page.given import Board, Card, Given, slug
from bench.report.page.ranking import Cell, rate_cell
from bench.report.page.reproduce import Again, again, whole
from bench.report.page.views import curve_of
from bench.report.robustness import stands, status


@dataclass(frozen=True)
class Line:
    """A row of results."""

    attack: str
    source: str
    n: int
    error: Cell
    robust: Cell
    confidence: Cell
    cells: Sequence[str]
    again: Again | None
    """None of rows that several others come to."""
    reason: str = ""
    """Why there is no number."""
    verdict: Level | None = None
    """The least that `bench verify` found of the records behind it; None where it never looked at any of its suite."""


@dataclass(frozen=True)
class Part:
    """What a suite says of a model."""

    board: Board
    rank: str
    status: str
    flags: Sequence[str]
    worst: Cell | None
    clean: Cell | None
    chart: Chart | None
    lines: Sequence[Line]
    command: str
    """That recomputes all of it."""


@dataclass
class Model:
    """A model, over all suites that have met it."""

    info: ModelInfo
    slug: str
    parts: list[Part] = field(default_factory=list)
    card: Card = field(default_factory=dict)
    run: dict[str, str] = field(default_factory=dict)
    """How its results were made."""
    gallery: list[Shown] = field(default_factory=list)
    """Its kept examples, a cell each."""
    sheets: Sheets = field(init=False)
    """The pictures of these."""

    def __post_init__(self) -> None:
        self.sheets = Sheets(self.slug)

    @property
    def verdicts(self) -> list[Level]:
        """Of all rows, from the most to the least; none where `bench verify` never looked at any."""
        met = {line.verdict for part in self.parts for line in part.lines}
        return [level for level in reversed(LEVELS) if level in met]

    @property
    def flags(self) -> list[str]:
        """All that any suite says against it."""
        return sorted({flag for part in self.parts for flag in part.flags})


def key_of(info: ModelInfo) -> tuple[str, str]:
    """What a model of the page is known by: the same on all boards."""
    return info.name, info.fingerprint


def models(given: Given) -> dict[tuple[str, str], Model]:
    """All models of all boards, by name and fingerprint."""
    found: dict[tuple[str, str], Model] = {}
    for board in given.boards:
        for info in board.view.targets():
            key = key_of(info)
            model = found.setdefault(key, Model(info, slug(*key)))
            model.parts.append(_part(board, info))
            model.card = given.cards.get(info.fingerprint, {})
            model.run = model.run or _run(given, board, info)
            _picture(given, board, model)
    return found


def _picture(given: Given, board: Board, model: Model) -> None:
    """Add what was kept of a model's cells that no other board of it has shown."""
    for row, measured in board.measured(model.info.name):
        for cell in measured.cells:
            kept = None if any(shown.id == cell.id for shown in model.gallery) else given.kept(cell.id)
            if kept is None:
                continue
            found = pictured(board, _titled(board, row), measured, cell.id, kept, model.sheets)
            if found is not None:
                model.gallery.append(found)


def _titled(board: Board, row: Row) -> str:
    source = f", crafted on {row.source}" if row.source not in (None, row.model) else ""
    return f"{_called(board, row)}{source}"


def _part(board: Board, info: ModelInfo) -> Part:
    own = board.by_model[info.name]
    worst = next((row for row in own if row.attack == WORST), None)
    clean = next((row for row in own if row.role == "clean" and row.clean_accuracy is not None), None)
    return Part(
        board,
        stands(own[0]),
        status(board.suite.rank_by, own),
        own[0].flags,
        None if worst is None else rate_cell(worst, of_clean=True),
        None if clean is None else Cell(percent(clean.clean_accuracy), clean.clean_accuracy),
        curve_of(board, info.name),
        list(_lines(board, info.name)),
        whole(board, info.name),
    )


def _lines(board: Board, name: str) -> Iterator[Line]:
    ranked = next((row.eps for row in board.by_model[name] if row.attack == WORST), None)
    made = {id(row): again(board, measured) for row, measured in board.measured(name)}
    for row in board.by_model[name]:
        again_below = row.role is None and row.attack not in (WORST, BRACKET) and row.status != "ok"
        if row.status == "missing" or again_below or (row.attack == BRACKET and row.eps == ranked):
            continue
        source = "" if row.source in (None, row.model) else str(row.source)
        error = Cell("" if row.error is None else percent(row.error), row.error)
        sure = row.confidence_on_mistakes
        confidence = Cell(percent(sure), sure, title=row.confidence_kind or "")
        joined = row.role is None
        yield Line(
            _called(board, row),
            source,
            row.n,
            error,
            rate_cell(row),
            confidence,
            row.cells,
            None if joined else made.get(id(row)),
            "" if row.status == "ok" else row.reason or row.status,
            row.verdict,
        )


def _called(board: Board, row: Row) -> str:
    told = board.sizes
    if row.attack in (WORST, BRACKET):
        return f"worst of all attacks {told[row.eps]}".strip()
    name = labelled(row, told, always=board.varied[row.attack])
    return name.replace("worst-of-losses", "all losses")


def _run(given: Given, board: Board, info: ModelInfo) -> dict[str, str]:
    """How the latest of a model's results was made."""
    ids = [cell.id for row in board.view.of(info.name) for cell in row.cells if cell.id in given.records]
    if not ids:
        return {}
    run = max((given.records[id].run for id in ids), key=lambda run: run.finished)
    told: dict[str, Any] = {
        "Judged last": f"{run.finished[:10]}, {run.device}, {run.threads} thread{'s' if run.threads != 1 else ''}",
        "Versions": ", ".join(f"{name} {number}" for name, number in run.versions.items()),
    }
    if run.files and info.name in run.files:
        told["Its file"] = f"SHA-256 {run.files[info.name]}"
    return told
