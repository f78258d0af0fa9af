"""`bench list`: what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bench.cli.options import DEFAULT_OUT, AsJson
from bench.cli.output import print_json, print_table, warn

Kind = Literal["suites", "models", "attacks", "datasets", "families"]
"""Each a function of `bench.cli.catalogue`."""
LEAST = {"models": ("confidence", "state", "family"), "suites": ("version", "models")}
"""What a narrow terminal leaves out."""


def command(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Of models also those of the paper's suites, and those that no suite names.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Of suites also yours that were run into this folder.")] = DEFAULT_OUT,
    as_json: AsJson = False,
) -> None:
    """List what there is: suites, reference and registered models, attacks, datasets, compiled families."""
    from bench.cli import catalogue
    from bench.table import Table

    entries = getattr(catalogue, kind)()
    own = catalogue.own_suites(out, warn) if kind == "suites" else []
    entries += own
    shown = [entry for entry in entries if everything or kind != "models" or catalogue.is_first(entry)]
    if as_json:
        print_json(shown)
        return
    shown = [{key: value for key, value in entry.items() if key != "own"} for entry in shown]
    headers = tuple(shown[0]) if shown else ()
    rest = len(entries) - len(shown)
    note = f"{rest} more, of the paper's suites or of none: bench list models --all" if rest else ""
    if own:
        note = f"Of your own, known by name where they were run: {', '.join(entry['name'] for entry in own)}"
    body = tuple(tuple(map(_plain, entry.values())) for entry in shown)
    print_table(Table(kind, headers, body, note, least=LEAST.get(kind, ())))


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
