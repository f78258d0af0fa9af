"""The leaderboard file: every suite that has rows, and the definitions."""

from __future__ import annotations

from collections.abc import Sequence

from bench.board.rows import Row
from bench.planning.suite import Suite
from bench.report.boards import tables
from bench.report.definitions import DEFINITIONS

HEAD = """\
# Leaderboard

How much of a classifier's accuracy is facade? Generated from the records in the folder `results` beside this file.
"""


def render(boards: Sequence[tuple[Suite, Sequence[Row]]]) -> str:
    """`leaderboard.md`, for suites in the order given; those without rows are left out."""
    parts = [HEAD]
    for suite, rows in boards:
        if rows:
            parts.append(f"\n## {suite.suite}\n")
            parts.append("\n\n".join(table.markdown() for table in tables(suite, rows)) + "\n")
    return "\n".join([*parts, "\n## Definitions\n", DEFINITIONS])
