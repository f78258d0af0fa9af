"""The command `bench`. Help, lists, dry runs, records and the leaderboard load no torch.

A command is one file here, with a function `command`, and its name below.
"""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, cast

import typer

from bench.cli.compare import with_points
from bench.cores import share_the_cores
from bench.errors import LostModels, UsageError
from bench.table import one_line, visible_lines

LONGEST = 2_000
"""Characters of a line of complaint."""
COMMANDS = (
    "suite",
    "check",
    "list",
    "show",
    "train",
    "leaderboard",
    "compare",
    "draw",
    "merge",
    "verify",
    "export",
    "paper",
    "selftest",
)
"""In the order of the help."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="How much of a classifier's accuracy is facade? Attack any fitted classifier and put it on a leaderboard.",
    epilog="Try: bench suite digits-fgsm (seconds), then: bench suite mnist-fgsm --model FILE.py",
)
for _name in COMMANDS:
    _command = import_module(f"bench.cli.{_name}").command
    app.command(_name, epilog="--debug shows a traceback where something goes wrong.")(_command)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"potemkin-bench {version('potemkin-bench')}")
        raise typer.Exit()


@app.callback()
def options(
    shows_version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of all commands; the program's help stands in `app`."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command; every error of use is one line and exit code 2."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    share_the_cores()
    _complain_of_namesakes()
    usage_error = cast("type[Exception]", typer.BadParameter.__mro__[1])
    try:
        wanted = with_points([argument for argument in given if argument != "--debug"])
        code = app(args=wanted or ["--help"], prog_name="bench", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("interrupted; the same command goes on from here\n")
        sys.exit(130)
    except LostModels:  # each of which was told of
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - a fault of ours or of the machine is still one line
        if debug:
            sys.stderr.write(f"{visible_lines(traceback.format_exc().splitlines())}\n")
        if isinstance(error, (UsageError, usage_error)):
            message = error.format_message() if hasattr(error, "format_message") else str(error)
            sys.exit(_complain(message.replace("Value error, ", "")))  # of pydantic, which typer asks about choices
        _tell(f"bench: {_line(f'{type(error).__name__}: {error}')} (--debug shows where)")
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _complain_of_namesakes() -> None:
    """End where another distribution's package of one of our names comes first."""
    import adapters
    import bench
    import suites

    ours = Path(__file__).resolve().parents[2]
    for package in (adapters, bench, suites):
        found = Path(package.__file__ or "").resolve().parent
        if found.parent != ours:
            line = f"package {package.__name__} is another one, {found}; give potemkin-bench an environment of its own"
            sys.exit(_complain(line))


def _complain(message: str) -> int:
    _tell(f"bench: {_line(message)}")
    return 2


def _tell(line: str) -> None:
    from bench.cli.output import fitting

    sys.stderr.write(f"{fitting([line], sys.stderr)}\n")


def _line(message: str) -> str:
    """A message as one line, without its middle where it is longer than anyone reads."""
    text = one_line(message)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
