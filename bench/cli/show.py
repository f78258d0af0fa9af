"""`bench show`: one record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.options import DEFAULT_OUT, Out
from bench.cli.output import warn
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.records.record import Failure, Record


def command(
    cell: Annotated[str, typer.Argument(metavar="CELL", help="The id of a cell, or its first characters.")],
    out: Out = DEFAULT_OUT,
) -> None:
    """Show one record, for people."""
    from bench.report.card import describe
    from bench.running.session import Shelf

    shelf = Shelf(out)
    found: dict[str, Record | Failure] = {**shelf.failures(warn), **shelf.records(warn)}
    hits = [item for id, item in found.items() if id.startswith(cell)]
    if not hits:
        raise UsageError(
            f"no record {cell!r} in {out / 'results'} or ./results; bench leaderboard --format json has ids"
        )
    if len(hits) > 1:
        raise UsageError(f"{cell!r} begins the ids of {len(hits)} records, such as {hits[0].id}; give more of it")
    typer.echo(describe(hits[0]))
