"""`bench show`: one record."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.cli.options import DEFAULT_OUT, Out
from bench.cli.output import say, warn
from bench.errors import UsageError


def command(
    cell: Annotated[str, typer.Argument(metavar="CELL", help="The id of a cell, or its first characters.")],
    out: Out = DEFAULT_OUT,
) -> None:
    """Show one record, for people."""
    from bench.report.card import describe
    from bench.running.shelf import Shelf

    stores = Shelf(out).stores()
    hits = sorted({id for store in stores for kind in ("cells", "failures") for id in store.ids(kind, cell)})
    if not hits:
        raise UsageError(
            f"no record {cell!r} in {out / 'results'} or ./results; bench leaderboard --format json has ids"
        )
    if len(hits) > 1:
        raise UsageError(f"{cell!r} begins the ids of {len(hits)} records, such as {hits[0]}; give more of it")
    (id,) = hits
    records = [store.record(id, warn) for store in stores if store.ids("cells", id)]
    failures = [store.failure(id, warn) for store in stores if store.ids("failures", id)]
    shown = next((found for found in (*records, *failures) if found is not None), None)
    if shown is None:
        raise UsageError(f"the record {id} cannot be read; run its suite again")
    say(describe(shown).splitlines())
