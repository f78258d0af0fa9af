"""`bench compare`: two models, versions, or folders of results, example by example; from records alone."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer import Argument, Option

from bench.cli.hints import shell
from bench.cli.options import DEFAULT_OUT, Data, Explain, Out
from bench.cli.output import document, print_json, print_table, say, warn
from bench.errors import UsageError

if TYPE_CHECKING:
    from bench.board.comparison import Comparison
    from bench.records.examples import Kept

A = Annotated[
    str, Argument(metavar="A", help="The baseline: NAME, NAME@FINGERPRINT, FOLDER or FOLDER:NAME[@FINGERPRINT].")
]
B = Annotated[str, Argument(metavar="B", help="What is compared with it, likewise.")]
Suite = Annotated[
    str | None, Option(metavar="NAME|FILE.yaml", help="The suite; needed where both were run on several, or on yours.")
]
Models = Annotated[list[str] | None, Option("--model", help="Of two folders, this model alone; may be repeated.")]
Gate = Annotated[
    float | None,
    Option(
        metavar="[POINTS]",
        help="Exit with 1 where the 95% interval of the drop in the ranked column lies beyond so many points (0), "
        "and where that cannot be told.",
    ),
]
Format = Annotated[Literal["md", "json", "junit", "summary"], Option(help="Of what is printed.")]
Examples = Annotated[str, Option(metavar="N|all", help="Flipped examples to list, each way.")]
Figure = Annotated[Path | None, Option(metavar="FILE.png", help="Draw the images that flipped.")]
JUnit = Annotated[Path | None, Option(metavar="FILE", help="Write JUnit XML as well.")]
Json = Annotated[Path | None, Option("--json", metavar="FILE", help="Write JSON as well.")]
Summary = Annotated[
    Path | None, Option(metavar="FILE", help="Add a Markdown summary to a file, such as $GITHUB_STEP_SUMMARY.")
]
GATE = "--fail-on-regression"


def command(
    a: A,
    b: B,
    suite: Suite = None,
    model: Models = None,
    fail_on_regression: Gate = None,
    format: Format = "md",
    examples: Examples = "10",
    figure: Figure = None,
    junit: JUnit = None,
    json: Json = None,
    summary: Summary = None,
    explain: Explain = False,
    data: Data = None,
    out: Out = DEFAULT_OUT,
) -> None:
    """Compare two models, versions or runs, example by example; docs/compare.md."""
    from bench.board.gate import regressions
    from bench.running.asked_suite import suite_here
    from bench.running.comparing import comparison, kept_of
    from bench.running.wanted import wanted

    points, most = fail_on_regression, _number(examples)
    if points is not None and not (math.isfinite(points) and 0 <= points <= 100):
        raise UsageError(f"{GATE} {points:g}: give percentage points from 0 to 100")
    if data is not None and suite is None:
        raise UsageError("--data is of one suite: name it with --suite")
    sides = wanted(a, out), wanted(b, out)
    asked = None if suite is None else suite_here(suite, data, *(side.shelf for side in sides))
    found = comparison(*sides, asked, model or (), warn)
    failures = None if points is None else regressions(found, points)
    _print(found, format, failures, most, explain)
    _write(found, failures, most, junit, json, summary)
    if figure is not None:
        _draw(found, figure, kept_of(sides, warn))
    if failures is not None and points is not None:
        if format == "md":
            say(_verdict(found, failures, points))
        elif failures:
            for name, why in failures.items():
                warn(f"FAILED: {name}: {why}")
        raise typer.Exit(1 if failures else 0)


def with_points(arguments: list[str]) -> list[str]:
    """The command line with the number of points that may be left out."""
    if arguments[:1] != ["compare"]:
        return arguments
    filled = []
    for argument, after in zip(arguments, [*arguments[1:], ""], strict=True):
        filled.append(f"{GATE}=0" if argument == GATE and not _is_number(after) else argument)
    return filled


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal():
        raise UsageError(f"--examples {text}: give a number, or all")
    return int(text)


def _print(found: Comparison, format: str, failures: dict[str, str] | None, most: int | None, explain: bool) -> None:
    from bench.report.comparison import tables
    from bench.report.comparison_formats import as_junit, as_plain, as_summary

    if format == "md":
        shown = tables(found, most)
        for table in shown:
            print_table(table, explain=explain)
        if sys.stdout.isatty() and not explain and any(table.terms for table in shown):
            say(["What the columns mean: the same with --explain, or docs/compare.md"])
    elif format == "json":
        print_json(as_plain(found, failures))
    else:
        document(as_junit(found, failures) if format == "junit" else as_summary(found, failures, most))


def _write(
    found: Comparison,
    failures: dict[str, str] | None,
    most: int | None,
    junit: Path | None,
    json: Path | None,
    summary: Path | None,
) -> None:
    from json import dumps

    from bench.files import replace_file
    from bench.report.comparison_formats import as_junit, as_plain, as_summary

    if junit is not None:
        replace_file(junit, as_junit(found, failures).encode())
    if json is not None:
        replace_file(json, (dumps(as_plain(found, failures), indent=1) + "\n").encode())
    if summary is not None:  # the page of a job is one file for all steps
        before = summary.read_bytes() if summary.is_file() else b""
        replace_file(summary, before + as_summary(found, failures, most).encode())


def _draw(found: Comparison, path: Path, kept: Callable[[str], Kept | None]) -> None:
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise UsageError("pictures need matplotlib; run pip install 'potemkin-bench[figures]'")
    from bench.files import replace_file
    from bench.report.figure_style import png, styled
    from bench.report.flips_figure import flips_figure

    if len(found.pairs) != 1:
        raise UsageError(f"--figure draws one pair of models, and here are {len(found.pairs)}; choose with --model")
    with styled():
        image = png(flips_figure(found.pairs[0], kept))
    replace_file(path, image)
    warn(f"drawn: {shell(path)}")


def _verdict(found: Comparison, failures: dict[str, str], points: float) -> list[str]:
    from bench.board.gate import unseen
    from bench.report.comparison_formats import headline

    if failures:
        return [f"FAILED: {name}: {why}" for name, why in failures.items()]
    told = [line for pair in found.pairs if (line := headline(pair)) is not None]
    passed = f"Passed: no drop of the ranked column that is sure to be beyond {points:g} points."
    return [passed, *(f"  {line}" for line in told), *(f"  {line}" for line in unseen(found))]
