"""`bench draw`: a picture of every model of a worst-case suite, from records alone."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from bench.cli.hints import command as command_of
from bench.cli.hints import place
from bench.cli.options import DEFAULT_OUT, Data, Out
from bench.cli.output import say, warn
from bench.errors import UsageError, unknown

Suite = Annotated[str, Argument(metavar="SUITE|FILE.yaml", help="A suite with certificates, such as mnist-worst-case.")]
Names = Annotated[list[str] | None, Option("--model", help="Of this model alone; more than once for several.")]
Together = Annotated[
    Path | None,
    Option(metavar="FILE.png", help="All in one picture, a panel each, written there."),
]


def command(
    suite: Suite, model: Names = None, together: Together = None, data: Data = None, out: Out = DEFAULT_OUT
) -> None:
    """Draw robust accuracy against epsilon, certified to attacked; from records alone."""
    if find_spec("matplotlib") is None:
        raise UsageError("pictures need matplotlib; run pip install 'potemkin-bench[figures]'")
    from bench.files import replace_file
    from bench.report.bracket_figure import board_figure, bracket_figure, brackets_of
    from bench.report.figure_style import png, styled
    from bench.running.shelf import Shelf, board_of, dataset_of, suite_at

    asked = suite_at(suite, data)
    rows = board_of(asked, dataset_of(asked), Shelf(out), warn)
    found = {name: brackets_of(rows, name) for name in dict.fromkeys(row.model for row in rows)}
    for name in model or ():
        if name not in found:
            raise unknown("model", name, list(found))
    wanted = {name: lines for name, lines in found.items() if lines and (not model or name in model)}
    if not wanted:
        if any(row.robust_accuracy is not None for row in rows) and not model:
            raise UsageError(f"nothing of suite {asked.suite} is proved; draw a worst-case suite, as digits-worst-case")
        raise UsageError(
            f"no brackets of suite {asked.suite} in ./results or {out / 'results'}; "
            f"run: {command_of('suite', suite, **place(out, data))}"
        )
    if together is not None:
        with styled():
            replace_file(together, png(board_figure(list(wanted.values()))))
        say([str(together)])
        return
    for name, lines in wanted.items():
        path = out / "figures" / asked.suite / f"{_file(name, lines[0].fingerprint)}.png"
        with styled():
            image = png(bracket_figure(lines))
        replace_file(path, image)
        say([str(path)])


def _file(name: str, fingerprint: str) -> str:
    """The name itself, or what a file may be called, with what tells it from others."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", name)[:80]
    return name if plain == name else f"{plain}-{fingerprint[:8]}"
