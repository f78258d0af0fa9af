"""`bench suite`: run what is missing of a suite, and show its board."""

from __future__ import annotations

import contextlib
import re
import sys
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from bench.running.session import Session

Name = Annotated[
    str,
    Argument(
        metavar="NAME|FILE.yaml",
        help="A suite; see: bench list suites. One of yours by its file or, once it was run, by its name.",
    ),
]
Models = Annotated[
    list[str] | None,
    Option(
        metavar="NAME|FILE.py[:OBJECT]",
        help="Run just this model, against the suite's reference models in transfer; may be repeated.",
    ),
]
Limit = Annotated[int | None, Option(min=1, help="A short look: a stratified sample of so many examples.")]
Budget = Annotated[choices.Budget, Option(help="quick: models not made yet are made in minutes, and say so.")]
DryRun = Annotated[bool, Option("--dry-run", help="Say what would be run, what it asks and how long it takes.")]
Rerun = Annotated[
    choices.Rerun | None, Option(help="failed: try failed cells again. all: recompute, compare, overwrite nothing.")
]
Ignore = Annotated[bool, Option("--ignore-published", help="Do not reuse the records in ./results.")]
Save = Annotated[
    str, Option(metavar="N|all", help="Keep so many adversarial inputs of each cell, for bench verify and the page.")
]
FailUnder = Annotated[
    list[str] | None,
    Option(metavar="worst=PERCENT", help="Exit with 1 below it, or without a number; also clean=, certified=."),
]
Shard = Annotated[str | None, Option(metavar="I/N", help="Run the I-th of N shares; see docs/scale.md.")]


def command(
    name: Name,
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
    fail_under: FailUnder = None,
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

    least = _bounds(fail_under, shard)
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
        _show(session, explain)
    write_leaderboard(session.shelf)
    told: dict[str, tuple[object, object]] = {"limit": (limit, None), "budget": (budget, "full")}
    told |= {"device": (device, "auto"), "ignore_published": (ignore_published, False), "jobs": (jobs, 1)}
    told |= {"no_isolate": (not isolate, False), "memory_limit": (memory_limit, None), "fail_under": (fail_under, None)}
    told |= {"save_examples": (save_examples, str(DEFAULT))}
    told |= {"timeout": (timeout, TIMEOUT), "start_timeout": (start_timeout, START_TIMEOUT)}
    lines, code = outcome(session, summary, Call.of(name, model, told, out, data))
    say([*lines, *(short := _short(session, least))])
    raise typer.Exit(code or int(bool(short)))


def _show(session: Session, explain: bool) -> None:
    print_board(session.suite, session.board(), explain=explain)
    if explain and sys.stdout.isatty():
        print_definitions()


def _short(session: Session, least: dict[str, float]) -> list[str]:
    """A line for each model that was asked for and is below a bound."""
    from bench.board.gate import below

    found = below(session.board(), least, session.only or session.suite.models)
    return [f"FAILED: {line}" for line in found]


def _bounds(texts: list[str] | None, shard: str | None) -> dict[str, float]:
    """What `--fail-under` asks for. Raises UsageError for what is no bound, and of a shard."""
    from bench.board.gate import bounds

    if texts and shard is not None:
        raise UsageError("--fail-under looks at a whole board, and a shard has a share of it; merge the shards first")
    return bounds(texts or [])


def _shard(text: str | None) -> tuple[int, int] | None:
    """`2/5` as (2, 5)."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text)
    if found is None:
        raise UsageError(f"--shard {text}: give I/N with I from 1 to N, such as 1/4")
    return int(found[1]), int(found[2])
