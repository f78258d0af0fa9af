"""How commands print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import typer

from bench.cli.hints import shell
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
        typer.echo(fitting([line], sys.stderr), err=True)


def say(lines: Iterable[str]) -> None:
    """Lines on standard output; what others wrote into them is shown, and acts on nothing."""
    typer.echo(fitting(lines, sys.stdout))


def say_paths(paths: Iterable[Path], of: str = "") -> None:
    """Files that were written, a line each, as a shell takes them."""
    say(f"{of}{shell(path)}" for path in paths)


def document(text: str) -> None:
    """A whole document for a file or a program, in whose format everything is shown already."""
    typer.echo(text, nl=bool(text) and not text.endswith("\n"))


def fitting(lines: Iterable[str], stream: TextIO) -> str:
    """Lines, visible; on a terminal ending between words where they are wider than it."""
    if not stream.isatty():
        return visible_lines(lines)
    from rich.console import Console

    from bench.screen import wrapped

    width = Console(file=stream).width
    return "\n".join(piece for line in lines for piece in wrapped(visible(line), width))


def print_json(found: Any) -> None:
    """Plain values, for programs."""
    typer.echo(json.dumps(found, indent=1))


def print_board(suite: Suite, rows: Sequence[Row], *, explain: bool = False) -> None:
    """All tables of a suite's board; on a terminal what their columns mean where that is asked for."""
    from bench.report.boards import tables

    for table in tables(suite, rows):
        print_table(table, explain=explain)
    if sys.stdout.isatty():
        typer.echo()


def print_table(table: Table, *, explain: bool = False) -> None:
    """A drawn table on a terminal, plain text in columns elsewhere."""
    if not sys.stdout.isatty():
        typer.echo(table.text() + "\n")
        return
    from rich.console import Console

    from bench.screen import draw

    draw(table, Console(), explain=explain)


def print_definitions() -> None:
    """What the words on a board mean."""
    from bench.report.boards import DEFINITIONS

    if not sys.stdout.isatty():
        typer.echo(DEFINITIONS, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(DEFINITIONS))
