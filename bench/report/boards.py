"""Boards as people read them: a suite's tables in the layout that it asks for, and `leaderboard.md` of all suites."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.board.rows import Row
from bench.planning.suite import Suite
from bench.report import anchors, paper, robustness, rubbish, transfer, worst_case
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
    """`leaderboard.md`, for suites in the order given; those without rows are left out."""
    parts = [HEAD]
    for suite, rows in boards:
        if rows:
            parts.append(f"\n## {suite.suite}\n")
            parts.append("\n\n".join(table.markdown() for table in tables(suite, rows)) + "\n")
    return "\n".join([*parts, "\n## Definitions\n", DEFINITIONS])


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """The tables of a suite, and one of all rows that have no number."""
    if not rows:
        return []
    # A layout that has no place for any of the attacks gives way to the one that lists them.
    return [*(LAYOUTS[suite.board].tables(suite, rows) or paper.tables(suite, rows)), *_troubles(rows)]


def _troubles(rows: Sequence[Row]) -> list[Table]:
    """Every kind of row that has no number, with the reason."""
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    for row in rows:
        if row.status in ("error", "unsupported") and row.role is not None:
            attack = row.attack if row.source in (None, row.model) else f"{row.attack} from {row.source}"
            found.setdefault((row.model, row.status, row.reason or ""), {})[attack] = None
    lines = tuple((model, ", ".join(attacks), status, reason) for (model, status, reason), attacks in found.items())
    return [Table("Rows without a number", ("model", "attacks", "status", "reason"), lines)] if lines else []
