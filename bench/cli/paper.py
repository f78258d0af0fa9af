"""`bench paper`: the paper's numbers, ours beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from bench import choices
from bench.cli.options import DEFAULT_OUT, AsJson, Device, Out, Style
from bench.cli.output import print_json, print_table, say_paths, warn

Images = Annotated[
    Path | None,
    Option(metavar="FOLDER", help="Images train/CLASS/ and test/CLASS/ in place of the official CIFAR-10."),
]


def command(
    budget: Annotated[
        choices.Budget, Option(help="quick: within 20 minutes on two cores. full: all that the paper did.")
    ] = "quick",
    data: Images = None,
    device: Device = "auto",
    out: Out = DEFAULT_OUT,
    as_json: AsJson = False,
    progress: Style = "auto",
) -> None:
    """The paper's numbers, row by row, ours beside them; writes paper.md. The same command resumes."""
    from bench.paper.document import tables
    from bench.paper.reproduce import reproduce
    from bench.progress import progress as telling
    from bench.running.shelf import Shelf

    with telling(progress) as teller:
        found = reproduce(budget, Shelf(out), progress=teller, device=device, data=data)
    if as_json:
        print_json([line.as_dict() for line in found.lines])
    else:
        for table in tables(found.lines):
            print_table(table)
        say_paths([found.path], "written to ")
    if found.interrupted:
        warn("interrupted; the same command goes on from here")
    raise typer.Exit(130 if found.interrupted else int(found.failed > 0))
