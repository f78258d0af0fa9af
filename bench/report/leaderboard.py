"""The leaderboard file: every suite that has rows, and the definitions."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

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


def write(path: Path, text: str) -> None:
    """Replace the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")  # of two runs at once, each has its own
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
