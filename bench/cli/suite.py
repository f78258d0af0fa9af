"""`bench suite`: run what is missing of a suite, and show its board."""

from __future__ import annotations

import contextlib
import re
import sys
from typing import Annotated

import typer
from typer import Argument, Option

from bench import choices
from bench.cli.hints import Call
from bench.cli.options import (
    DEFAULT_OUT,
    Data,
    Device,
    Explain,
    Isolate,
    MemoryLimit,
    Out,
    StartTimeout,
    Style,
    Timeout,
    limits_of,
)  # fmt: skip
from bench.cli.output import print_board, print_definitions, say
from bench.errors import UsageError
from bench.running.isolation.limits import START_TIMEOUT, TIMEOUT
from bench.running.keeping import DEFAULT, number_of

Models = Annotated[
    list[str] | None,
    Option(
        metavar="NAME|FILE.py[:OBJECT]",
        help="Run just this model, against the suite's reference models in transfer; may be repeated.",
    ),
]
Limit = Annotated[int | None, Option(min=1, help="A short look: a stratified sample of so many examples.")]
Budget = Annotated[choices.Budget, Option(help="quick: models not made yet are made in minutes, and say so.")]
DryRun = Annotated[bool, Option("--dry-run", help="Say what would be run, and run nothing.")]
Rerun = Annotated[
    choices.Rerun | None, Option(help="failed: try failed cells again. all: recompute, compare, overwrite nothing.")
]
Ignore = Annotated[bool, Option("--ignore-published", help="Do not reuse the records in ./results.")]
Save = Annotated[
    str, Option(metavar="N|all", help="Keep so many adversarial inputs of each cell, for bench verify and the page.")
]
Shard = Annotated[str | None, Option(metavar="I/N", help="Run the I-th of N shares; see docs/scale.md.")]


def command(
    name: Annotated[str, Argument(metavar="NAME|FILE.yaml", help="A suite; see: bench list suites.")],
    model: Models = None,
    limit: Limit = None,
    budget: Budget = "full",
    data: Data = None,
    device: Device = "auto",
    out: Out = DEFAULT_OUT,
    dry_run: DryRun = False,
    rerun: Rerun = None,
    ignore_published: Ignore = False,
    jobs: Annotated[int, Option(min=1, metavar="K", help="Run in so many worker processes.")] = 1,
    shard: Shard = None,
    save_examples: Save = str(DEFAULT),
    isolate: Isolate = True,
    timeout: Timeout = TIMEOUT,
    start_timeout: StartTimeout = START_TIMEOUT,
    memory_limit: MemoryLimit = None,
    explain: Explain = False,
    progress: Style = "auto",
) -> None:
    """Run a suite: only what is missing is run, so the same command resumes."""
    from bench.cli.outcome import outcome, planned
    from bench.progress import progress as telling
    from bench.running.execution import Execution
    from bench.running.session import Session
    from bench.running.shelf import Shelf, write_leaderboard

    with telling(progress) as teller:
        session = Session(
            name,
            progress=teller,
            shelf=Shelf(out, with_published=not ignore_published),
            model_specs=model or [],
            limit=limit,
            device=device,
            budget=budget,
            data=data,
            load=not dry_run,
            execution=Execution(jobs, shard=_shard(shard), keep=number_of(save_examples)),
            limits=limits_of(isolate, timeout, start_timeout, memory_limit),
        )
        with contextlib.closing(session):
            missing = session.missing(rerun)
            if dry_run:
                return say(planned(session, missing))
            summary = session.run(missing) if missing else None
    if shard is None:  # of a share a board is next to empty
        print_board(session.suite, session.board(), explain=explain)
        if explain and sys.stdout.isatty():
            print_definitions()
    write_leaderboard(session.shelf, session.suite, session.only or ())
    told: dict[str, tuple[object, object]] = {"limit": (limit, None), "budget": (budget, "full")}
    told |= {"device": (device, "auto"), "ignore_published": (ignore_published, False), "jobs": (jobs, 1)}
    told |= {"save_examples": (save_examples, str(DEFAULT))}
    told |= {"no_isolate": (not isolate, False), "memory_limit": (memory_limit, None)}
    told |= {"timeout": (timeout, TIMEOUT), "start_timeout": (start_timeout, START_TIMEOUT)}
    lines, code = outcome(session, summary, Call.of(name, model, told, out, data))
    say(lines)
    raise typer.Exit(code)


def _shard(text: str | None) -> tuple[int, int] | None:
    """`2/5` as (2, 5)."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if found is None:
        raise UsageError(f"--shard {text}: give I/N with I from 1 to N, such as 1/4")
    return int(found[1]), int(found[2])
