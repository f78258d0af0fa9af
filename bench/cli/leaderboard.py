"""`bench leaderboard`: boards, from records alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer import Argument, Option

from bench.cli.hints import command as command_of
from bench.cli.hints import meanings, place
from bench.cli.options import DEFAULT_OUT, Data, Explain, Out
from bench.cli.output import print_board, print_definitions, say, warn
from bench.errors import UsageError

Suite = Annotated[str | None, Argument(metavar="[SUITE|FILE.yaml]", help="One suite; without, all that have records.")]
Format = Annotated[
    Literal["md", "csv", "json", "html"] | None,
    Option(
        help="md: Markdown, also where a terminal would have drawn tables. json and csv are for programs; html is "
        "written into --site."
    ),
]
Check = Annotated[bool, Option("--check", help="Fail when ./leaderboard.md does not match the records in ./results.")]
Site = Annotated[
    Path | None,
    Option(metavar="DIR", help="With --format html: folder to write the page into; without, the folder site in --out."),
]


def command(
    suite: Suite = None,
    format: Format = None,
    check: Check = False,
    explain: Explain = False,
    data: Data = None,
    site: Site = None,
    out: Out = DEFAULT_OUT,
) -> None:
    """Print the leaderboard, or write it as a page; from records alone."""
    if site is not None and format != "html":
        raise UsageError(f"--site {site} is where --format html writes to; add --format html")
    if format == "html" and not check:
        _write_page(suite, data, out, site or out / "site")
    elif check:
        _check()
    else:
        _print(suite, data, format, out, explain)


def _check() -> None:
    from bench.running.shelf import Shelf, leaderboard

    path = Path("leaderboard.md")
    if not path.is_file():
        raise UsageError("no leaderboard.md here; run this where ./results and ./leaderboard.md are")
    if path.read_text(encoding="utf-8") != leaderboard(Shelf(Path()), warn):
        typer.echo("leaderboard.md does not match the records in ./results; bring it up to date with: make publish")
        raise typer.Exit(1)
    typer.echo("leaderboard.md matches the records in ./results")


def _write_page(only: str | None, data: Path | None, out: Path, site: Path) -> None:
    from bench.running.paging import page_of
    from bench.running.shelf import Shelf

    _check_data(only, data)
    count = page_of(Shelf(out), site, only, data, warn)
    if count is None:
        raise _nothing(only, data, out)
    typer.echo(f"{count} files in {site}; open {site / 'index.html'}")


def _print(only: str | None, data: Path | None, format: str | None, out: Path, explain: bool) -> None:
    from bench import table
    from bench.report.boards import DEFINITIONS, begun, tables
    from bench.running.shelf import Shelf, board_of, dataset_of, known_boards, leaderboard, suite_at

    _check_data(only, data)
    shelf = Shelf(out)
    suites = known_boards() if only is None else [((suite := suite_at(only, data)), dataset_of(suite))]
    boards = [board_of(suite, dataset, shelf, warn) for suite, dataset in suites]
    rows = [row.as_dict() for board in boards for row in board]
    if format in ("json", "csv"):
        typer.echo(table.as_json(rows) if format == "json" else table.as_csv(rows), nl=format == "json")
    elif not rows:
        raise _nothing(suites[0][0].suite if only else None, data, out)
    elif format is None and sys.stdout.isatty():
        for (suite, _), board in zip(suites, boards, strict=True):
            if begun(board):
                print_board(suite, board, explain=explain)
        if explain:
            print_definitions()
        else:
            say(meanings(only, out, data))
    elif only is None:
        typer.echo(leaderboard(shelf), nl=False)
    else:
        typer.echo("\n\n".join(each.markdown() for each in tables(suites[0][0], boards[0])) + "\n")
        typer.echo(DEFINITIONS, nl=False)


def _check_data(only: str | None, data: Path | None) -> None:
    if data is not None and only is None:
        raise UsageError("--data is of one suite: name it, bench leaderboard SUITE --data PATH")


def _nothing(only: str | None, data: Path | None, out: Path) -> UsageError:
    """There is no record to show."""
    return UsageError(
        f"no records of {f'suite {only}' if only else 'any suite'} yet in ./results or "
        f"{out / 'results'}; make some with: {command_of('suite', only or 'digits-fgsm', **place(out, data))}"
    )
