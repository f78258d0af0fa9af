"""`bench leaderboard`: boards, from records alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer import Argument, Option

from bench.cli.hints import command as command_of
from bench.cli.hints import meanings, place, shell
from bench.cli.options import DEFAULT_OUT, Data, Explain, Out
from bench.cli.output import document, print_board, print_definitions, say, warn
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.board.rows import Row
    from bench.planning.suite import Suite
    from bench.running.shelf import Shelf

Name = Annotated[str | None, Argument(metavar="[SUITE|FILE.yaml]", help="One suite; without, all that have records.")]
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
    suite: Name = None,
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
        _write_page(suite, data, out, site)
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
        say(["leaderboard.md does not match the records in ./results; bring it up to date with: make publish"])
        raise typer.Exit(1)
    say(["leaderboard.md matches the records in ./results"])


def _write_page(only: str | None, data: Path | None, out: Path, site: Path | None) -> None:
    from bench.running.paging import page_of
    from bench.running.shelf import Shelf

    _check_data(only, data)
    folder = site or out / "site"
    count = page_of(Shelf(out), folder, only, data, warn)
    if count is None and site is None and out != DEFAULT_OUT and not (out / "results").is_dir():
        raise _meant_for_the_page(only, data, out)
    if count is None:
        raise _nothing(only, only, data, out)
    say([f"{count} files in {shell(folder)}; open {shell(folder / 'index.html')}"])


def _print(only: str | None, data: Path | None, format: str | None, out: Path, explain: bool) -> None:
    from bench import table
    from bench.report.boards import DEFINITIONS, render, tables
    from bench.running.shelf import Shelf

    _check_data(only, data)
    boards = _boards(only, data, Shelf(out))
    rows = [row.as_dict() for _, board in boards for row in board]
    if format in ("json", "csv"):
        document(table.as_json(rows) if format == "json" else table.as_csv(rows))
    elif not rows:
        raise _nothing(boards[0][0].suite if only else None, only, data, out)
    elif format is None and sys.stdout.isatty():
        for suite, board in boards:
            print_board(suite, board, explain=explain)
        if explain:
            print_definitions()
        else:
            say(meanings(only, out, data))
    elif only is None:
        document(render(boards))
    else:
        ((suite, board),) = boards
        document("\n\n".join(each.markdown() for each in tables(suite, board)) + f"\n\n{DEFINITIONS}")


def _boards(only: str | None, data: Path | None, shelf: Shelf) -> list[tuple[Suite, list[Row]]]:
    """One suite's, or all of the shelf."""
    from bench.running.asked_suite import suite_here
    from bench.running.shelf import board_of, boards, dataset_of

    if only is None:
        return [(view.suite, board) for view, board in boards(shelf.contents(warn), warn)]
    suite = suite_here(only, data, shelf)
    return [(suite, board_of(suite, dataset_of(suite), shelf, warn))]


def _check_data(only: str | None, data: Path | None) -> None:
    if data is not None and only is None:
        raise UsageError("--data is of one suite: name it, bench leaderboard SUITE --data PATH")


def _meant_for_the_page(only: str | None, data: Path | None, out: Path) -> UsageError:
    """A folder was named for the page by the option that names the folder of records."""
    words = [] if only is None else [only]
    return UsageError(
        f"--out {shell(out)} holds no records: --out names the folder of records, and where the page goes is --site; "
        f"type: {command_of('leaderboard', *words, format='html', site=out, data=data)}"
    )


def _nothing(name: str | None, only: str | None, data: Path | None, out: Path) -> UsageError:
    """There is no record to show of a suite, by its name and as it was asked for, or of any."""
    return UsageError(
        f"no records of {f'suite {name}' if name else 'any suite'} yet in ./results or "
        f"{shell(out / 'results')}; make some with: {command_of('suite', only or 'digits-fgsm', **place(out, data))}"
    )
