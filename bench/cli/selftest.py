"""`bench selftest`: attacks and certificates on models whose worst cases are known by construction."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from bench.cli.options import AsJson, Style
from bench.cli.output import print_json, print_table, say
from bench.errors import UsageError
from bench.progress import progress

SHOWN = 50
"""Complaints told of one by one."""
Names = Annotated[list[str] | None, Option("--family", help="One family alone; more than once for several.")]
Models = Annotated[int | None, Option(min=1, help="Models of a family; 50 unless --deep says otherwise.")]
Deep = Annotated[bool, Option("--deep", help="10,000 models in all.")]
Log = Annotated[Path | None, Option("--log", metavar="FILE", help="Write what it came to into a file, too.")]
Seed = Annotated[int, Option(min=0, help="Of all that is drawn.")]


def command(
    family: Names = None,
    models: Models = None,
    deep: Deep = False,
    seed: Seed = 0,
    log: Log = None,
    style: Style = "auto",
    as_json: AsJson = False,
) -> None:
    """Attack and certify models whose worst cases are known; exits with 1 where anything is beyond the truth."""
    from bench.selftest.log import write
    from bench.selftest.run import each_of, families, selftest, table

    if deep and models is not None:
        raise UsageError("--deep and --models: give one of them")
    if log is not None and log.is_dir():
        raise UsageError(f"--log {log}: a folder; name a file")
    chosen = families(list(dict.fromkeys(family or ())))
    with progress(style) as teller:
        scores = list(selftest(chosen, each_of(deep, models, len(chosen)), seed=seed, doing=teller.doing))
    if log is not None:
        write(log, scores, seed=seed)
    complaints = [line for score in scores for line in score.complaints()]
    if as_json:
        print_json([asdict(score) | {"complaints": list(score.complaints())} for score in scores])
    else:
        print_table(table(scores))
        say(complaints[:SHOWN])
        if len(complaints) > SHOWN:
            say([f"and {len(complaints) - SHOWN} more"])
    if complaints:
        raise typer.Exit(1)
