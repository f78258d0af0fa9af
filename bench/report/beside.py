"""Two boards of one suite side by side: what we measured and what is published."""

from __future__ import annotations

from collections.abc import Sequence

from bench.board.rows import WORST, Row
from bench.planning.suite import Suite
from bench.report.cells import percent
from bench.table import Table


def compared(suite: Suite, ours: Sequence[Row], published: Sequence[Row]) -> Table:
    """Clean and robust accuracy of each model, ours and published, and the largest difference of any of its rows."""
    mine, theirs = ({_key(row): row for row in board} for board in (ours, published))
    lines = []
    for row in [*ours, *(row for key, row in theirs.items() if key not in mine)]:
        if row.attack != WORST:
            continue
        us, them = mine.get(_key(row)), theirs.get(_key(row))
        lines.append(
            (
                row.model,
                *(percent(board.clean_accuracy if board else None) for board in (us, them)),
                *(percent(board.robust_accuracy if board else None) for board in (us, them)),
                *(str((board.rank if board else None) or "-") for board in (us, them)),
                _largest(row.model, mine, theirs),
                "same" if us and them and us.fingerprint == them.fingerprint else "refitted" if us and them else "",
            )
        )
    eps = suite.rank_by.eps if suite.rank_by else 0
    both = ("ours", "published")
    headers = ("model", *(f"{what}, {whose}" for what in ("clean", f"worst {eps:g}", "rank") for whose in both))
    note = "Accuracies in %. Largest difference: of the error of any row of the model, in points."
    return Table(
        f"{suite.suite} v{suite.version}: our run beside the published one",
        (*headers, "largest difference", "weights"),
        tuple(lines),
        note,
    )


def _key(row: Row) -> tuple[object, ...]:
    return row.model, row.attack, str(row.parameters), row.norm, row.eps, row.clip, row.source


def _largest(model: str, mine: dict[tuple[object, ...], Row], theirs: dict[tuple[object, ...], Row]) -> str:
    gaps = [
        abs(row.error - theirs[key].error)  # type: ignore[operator]
        for key, row in mine.items()
        if row.model == model and row.error is not None and key in theirs and theirs[key].error is not None
    ]
    return f"{100 * max(gaps):.2f}" if gaps else ""
