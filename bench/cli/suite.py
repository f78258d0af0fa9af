"""`bench suite`: run what is missing of a suite, and show its board."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from bench import choices
from bench.cli.options import DEFAULT_OUT, Device, Out, Style
from bench.cli.output import print_board
from bench.errors import UsageError

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="NAME|FILE.py[:OBJECT]",
        help="Run just this model, against the suite's reference models in transfer; may be repeated.",
    ),
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="PATH", help="The data, for a dataset that is read from a path.")
]
Rerun = Annotated[
    choices.Rerun | None,
    typer.Option("--rerun", help="failed: try failed cells again. all: recompute, compare, overwrite nothing."),
]


def command(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE.yaml", help="A suite; see: bench list suites.")],
    model: Models = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="A short look: a stratified sample of so many examples.")
    ] = None,
    budget: Annotated[
        choices.Budget, typer.Option("--budget", help="quick: models not made yet are made in minutes, and say so.")
    ] = "full",
    data: Data = None,
    device: Device = "auto",
    out: Out = DEFAULT_OUT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be run, and run nothing.")] = False,
    rerun: Rerun = None,
    ignore_published: Annotated[
        bool, typer.Option("--ignore-published", help="Do not reuse the records in ./results.")
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, metavar="K", help="Run in so many worker processes.")] = 1,
    shard: Annotated[
        str | None, typer.Option("--shard", metavar="I/N", help="Run the I-th of N shares; see docs/scale.md.")
    ] = None,
    progress: Style = "auto",
) -> None:
    """Run a suite: only what is missing is run, so the same command resumes."""
    from bench.cli.outcome import outcome, planned
    from bench.progress import progress as telling
    from bench.running.execution import Execution
    from bench.running.session import Session
    from bench.running.shelf import Shelf, write_leaderboard

    shelf = Shelf(out, with_published=not ignore_published)
    with telling(progress) as teller:
        session = Session(
            name,
            progress=teller,
            shelf=shelf,
            model_specs=model or [],
            limit=limit,
            device=device,
            budget=budget,
            data=data,
            load=not dry_run,
            execution=Execution(jobs, shard=_shard(shard)),
        )
        missing = session.missing(rerun)
        if dry_run:
            typer.echo("\n".join(planned(session, missing)))
            return
        summary = session.run(missing) if missing else None
    print_board(session.suite, session.board())
    write_leaderboard(shelf, session.suite, session.only or ())
    again = ["bench suite", name, *(f"--model {spec}" for spec in model or [])]
    again += [f"--budget {budget}"] * (budget != "full")
    again += [f"--data {data}"] * (data is not None)
    again += [f"--out {out}"] * (out != DEFAULT_OUT)
    again += [f"--jobs {jobs}"] * (jobs > 1)
    lines, code = outcome(session, summary, " ".join(again))
    typer.echo("\n".join(lines))
    raise typer.Exit(code)


def _shard(text: str | None) -> tuple[int, int] | None:
    """`2/5` as (2, 5)."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if found is None:
        raise UsageError(f"--shard {text}: give I/N with I from 1 to N, such as 1/4")
    return int(found[1]), int(found[2])
