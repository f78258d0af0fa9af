"""`bench leaderboard`: boards, from records alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from bench.cli.options import DEFAULT_OUT, Out
from bench.cli.output import print_board, warn
from bench.errors import UsageError

Suite = Annotated[str | None, Argument(metavar="[SUITE|FILE.yaml]", help="One suite; without, all that have records.")]
Format = Annotated[Literal["md", "csv", "json"], Option(help="json and csv are for programs.")]
Check = Annotated[bool, Option("--check", help="Fail when ./leaderboard.md does not match the records in ./results.")]


def command(suite: Suite = None, format: Format = "md", check: Check = False, out: Out = DEFAULT_OUT) -> None:
    """Print the leaderboard; from records alone."""
    if check:
        _check()
    else:
        _print(suite, format, out)


def _check() -> None:
    from bench.running.shelf import Shelf, leaderboard

    path = Path("leaderboard.md")
    if not path.is_file():
        raise UsageError("no leaderboard.md here; run this where ./results and ./leaderboard.md are")
    if path.read_text(encoding="utf-8") != leaderboard(Shelf(Path()), warn):
        typer.echo("leaderboard.md does not match the records in ./results; bring it up to date with: make publish")
        raise typer.Exit(1)
    typer.echo("leaderboard.md matches the records in ./results")


def _print(only: str | None, format: str, out: Path) -> None:
    from bench import table
    from bench.planning.suite import load_suite
    from bench.report.boards import DEFINITIONS
    from bench.running.shelf import Shelf, board_of, dataset_of, known_boards, leaderboard

    shelf = Shelf(out)
    suites = [((suite := load_suite(only)), dataset_of(suite))] if only else known_boards()
    boards = [board_of(suite, dataset, shelf, warn) for suite, dataset in suites]
    rows = [row.as_dict() for board in boards for row in board]
    if format != "md":
        typer.echo(table.as_json(rows) if format == "json" else table.as_csv(rows), nl=format == "json")
    elif not rows:
        raise UsageError(
            f"no records of {f'suite {suites[0][0].suite}' if only else 'any suite'} yet in ./results or "
            f"{out / 'results'}; make some with: bench suite {only or 'digits-fgsm'}"
        )
    elif only is None:
        typer.echo(leaderboard(shelf), nl=False)
    else:
        print_board(suites[0][0], boards[0])
        typer.echo(DEFINITIONS, nl=False)
