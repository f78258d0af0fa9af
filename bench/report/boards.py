"""A suite's board: the tables of the layout that it asks for."""

from __future__ import annotations

from collections.abc import Sequence

from bench.board.rows import WORST, Row
from bench.planning.suite import Suite
from bench.report import paper, robustness, rubbish, transfer
from bench.table import Table

LAYOUTS = {
    "robustness": robustness.tables,
    "transfer": transfer.tables,
    "rubbish": rubbish.tables,
    "paper": paper.tables,
}


def tables(suite: Suite, rows: Sequence[Row]) -> list[Table]:
    """The tables of a suite, and one of all rows that have no number."""
    if not rows:
        return []
    return [*LAYOUTS[suite.board](suite, rows), *_troubles(rows)]


def _troubles(rows: Sequence[Row]) -> list[Table]:
    """Every kind of row that has no number, with the reason."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row.status in ("error", "unsupported") and row.attack != WORST:
            attacks = found.setdefault((row.model, row.status, row.reason or ""), [])
            attack = row.attack if row.source in (None, row.model) else f"{row.attack} from {row.source}"
            if attack not in attacks:
                attacks.append(attack)
    if not found:
        return []
    lines = [(model, ", ".join(attacks), status, reason) for (model, status, reason), attacks in found.items()]
    return [Table("Rows without a number", ("model", "attacks", "status", "reason"), tuple(lines))]
