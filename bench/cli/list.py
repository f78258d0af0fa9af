"""`bench list`: what there is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from bench.cli.options import AsJson
from bench.cli.output import print_json, print_table

Kind = Literal["suites", "models", "attacks", "datasets", "families"]
"""Each a function of `bench.cli.catalogue`."""


def command(kind: Annotated[Kind, typer.Argument(help="What to list.")], as_json: AsJson = False) -> None:
    """List what there is: suites, reference and registered models, attacks, datasets, compiled families."""
    from bench.cli import catalogue
    from bench.table import Table

    entries = getattr(catalogue, kind)()
    if as_json:
        print_json(entries)
        return
    headers = tuple(entries[0]) if entries else ()
    print_table(Table(kind, headers, tuple(tuple(map(_plain, entry.values())) for entry in entries)))


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
