"""How commands print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from bench.table import visible, visible_lines

if TYPE_CHECKING:
    from bench.board.rows import Row
    from bench.planning.suite import Suite
    from bench.table import Table


_warned: set[str] = set()


def warn(line: str) -> None:
    """A line on standard error; once, however many boards read the file that it is about."""
    if line not in _warned:
        _warned.add(line)
        typer.echo(visible(line), err=True)


def say(lines: Iterable[str]) -> None:
    """Lines on standard output; what others wrote into them is shown, and acts on nothing."""
    typer.echo(visible_lines(lines))


def print_json(found: Any) -> None:
    """Plain values, for programs."""
    typer.echo(json.dumps(found, indent=1))


def print_board(suite: Suite, rows: Sequence[Row]) -> None:
    """All tables of a suite's board."""
    from bench.report.boards import tables

    for table in tables(suite, rows):
        print_table(table)


def print_table(table: Table) -> None:
    """A drawn table on a terminal, Markdown elsewhere."""
    if not sys.stdout.isatty():
        typer.echo(table.markdown() + "\n")
        return
    from rich.console import Console
    from rich.measure import Measurement

    console = Console()
    drawn = table.rich()
    if Measurement.get(console, console.options.update(width=1000), drawn).maximum > console.width:
        drawn = table.rich(narrow=True)
    # Too narrow a terminal breaks the lines itself: a broken line can be read, a cropped column cannot.
    needed = Measurement.get(console, console.options.update(width=1000), drawn).minimum
    Console(width=max(console.width, needed)).print(drawn)
