"""Boards as people read them: a suite's tables in the layout that it asks for, and `leaderboard.md` of all suites."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.board.rows import BRACKET, WORST, Row
from bench.planning.suite import Suite
from bench.records.verdicts import LEVELS, Level, least
from bench.report import anchors, paper, robustness, rubbish, transfer, worst_case
from bench.report.layout import percent
from bench.table import Table

LAYOUTS = {
    "robustness": robustness,
    "worst-case": worst_case,
    "anchors": anchors,
    "transfer": transfer,
    "rubbish": rubbish,
    "paper": paper,
}
HEAD = """\
# Leaderboard

How much of a classifier's accuracy is facade? Generated from the records in the folder `results` beside this file.
"""
DEFINITIONS = Path(__file__).with_name("definitions.md").read_text(encoding="utf-8")
"""What the words on a board mean; printed at its foot."""


def render(boards: Sequence[tuple[Suite, Sequence[Row]]]) -> str:
    """`leaderboard.md`, for suites in the order given; those without rows, or not begun, are left out."""
    parts = [HEAD]
    for suite, rows in boards:
        if begun(rows):
            parts.append(f"\n## {suite.suite}\n")
            parts.append("\n\n".join(table.markdown() for table in tables(suite, rows)) + "\n")
            parts += elsewhere(suite, rows, boards)
    return "\n".join([*parts, "\n## Definitions\n", DEFINITIONS])


def begun(rows: Sequence[Row]) -> bool:
    """Whether there is something to show: of a suite of certificates more than what it shares with others."""
    proofs = [row for row in rows if row.role == "certificate"]
    return any(row.status != "missing" for row in proofs or rows)


def whole(rows: Sequence[Row]) -> bool:
    """Whether a model has all that the suite asks of it by itself: another suite of the same data shares some."""
    made = [row for row in rows if row.role not in (None, "clean") and row.source in (None, row.model)]
    return not {row.model for row in made} <= {row.model for row in made if row.status == "missing"}


def elsewhere(suite: Suite, rows: Sequence[Row], boards: Sequence[tuple[Suite, Sequence[Row]]]) -> list[str]:
    """A line for each other suite of the same data whose attacks leave less of the same models at the same size."""
    here = {row.fingerprint: row for row in rows if row.attack == WORST and row.robust_accuracy is not None}
    lines = []
    for other, theirs in boards:
        if other.suite == suite.suite or other.dataset != suite.dataset:
            continue
        lower = []
        for row in theirs:
            mine = here.get(row.fingerprint)
            if mine is None or row.attack != BRACKET or row.robust_accuracy is None:
                continue
            alike = (row.norm, row.eps, row.clip) == (mine.norm, mine.eps, mine.clip)
            if alike and row.robust_accuracy < (mine.robust_accuracy or 0):
                of = "" if row.n == mine.n else f" (n={row.n})"
                lower.append(f"{row.model} {percent(row.robust_accuracy)}{of}, here {percent(mine.robust_accuracy)}")
        if lower:
            lines.append(f"See {other.suite}, where the same size leaves less, %: {'; '.join(lower)}.\n")
    return lines


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """The tables of a suite, and one of all rows that have no number."""
    if not rows:
        return []
    # A layout that has no place for any of the attacks gives way to the one that lists them.
    return [
        *(LAYOUTS[suite.board].tables(suite, rows) or paper.tables(suite, rows)),
        *_troubles(rows),
        *_verdicts(rows),
    ]


def _verdicts(rows: Sequence[Row]) -> list[Table]:
    """What `bench verify` found, where it was asked."""
    found: dict[str, list[Level]] = {}
    for row in rows:
        if row.verdict is not None and row.cells:
            found.setdefault(row.model, []).append(row.verdict)
    lines = tuple((name, least(all), *(str(all.count(level)) for level in LEVELS)) for name, all in found.items())
    terms = "Rows by what bench verify found of their records; the verdict is the least of them."
    return [Table("Verified", ("model", "verdict", *LEVELS), lines, terms=terms)] if lines else []


def _troubles(rows: Sequence[Row]) -> list[Table]:
    """Every kind of row that has no number, with the reason."""
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    for row in rows:
        if row.status in ("error", "unsupported") and row.role is not None:
            attack = row.attack if row.source in (None, row.model) else f"{row.attack} from {row.source}"
            found.setdefault((row.model, row.status, row.reason or ""), {})[attack] = None
    lines = tuple((model, ", ".join(attacks), status, reason) for (model, status, reason), attacks in found.items())
    return [Table("Rows without a number", ("model", "attacks", "status", "reason"), lines)] if lines else []
