"""`bench draw`: a picture of every model of a worst-case suite, from records alone."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from bench.cli.hints import command as command_of
from bench.cli.hints import place, shell
from bench.cli.options import DEFAULT_OUT, Data, Out
from bench.cli.output import say_paths, warn
from bench.errors import UsageError, unknown

if TYPE_CHECKING:
    from bench.planning.suite import Suite as Asked

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
    from bench.running.asked_suite import suite_here
    from bench.running.shelf import Shelf, board_of, dataset_of

    shelf = Shelf(out)
    asked = suite_here(suite, data, shelf)
    rows = board_of(asked, dataset_of(asked), shelf, warn)
    found = {name: brackets_of(rows, name) for name in dict.fromkeys(row.model for row in rows)}
    for name in model or ():
        if name not in found:
            raise unknown("model", name, list(found))
    wanted = {name: lines for name, lines in found.items() if lines and (not model or name in model)}
    if not wanted:
        raise UsageError(_nothing(asked, suite, model, data, out))
    if together is not None:
        with styled():
            replace_file(together, png(board_figure(list(wanted.values()))))
        say_paths([together])
        return
    for name, lines in wanted.items():
        path = out / "figures" / asked.suite / f"{_file(name, lines[0].fingerprint)}.png"
        with styled():
            image = png(bracket_figure(lines))
        replace_file(path, image)
        say_paths([path])


def _nothing(asked: Asked, spec: str, models: list[str] | None, data: Path | None, out: Path) -> str:
    """Why there is nothing to draw, and what draws something."""
    if any(entry.made.proves for entry in asked.attacks):
        missed = f"{', '.join(models)} in " if models else ""
        run = command_of("suite", spec, model=models, **place(out, data))
        return f"no brackets of {missed}suite {asked.suite} in ./results or {shell(out / 'results')}; run: {run}"
    from bench.planning.suite import load_suite, names

    proving = [each for each in map(load_suite, names()) if any(entry.made.proves for entry in each.attacks)]
    here = [each.suite for each in proving if each.dataset.name == asked.dataset.name]
    told = f"suite {asked.suite} certifies nothing, so there are no brackets to draw"
    if here:
        return f"{told}; one that does, on the same data: {command_of('suite', here[0], **place(out, None))}"
    others = ", ".join(each.suite for each in proving)
    return f"{told}; such as {others} do, by an entry such as {{attack: worst-case, norm: linf}}"


def _file(name: str, fingerprint: str) -> str:
    """The name itself, or what a file may be called, with what tells it from others."""
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", name)[:80]
    return name if plain == name else f"{plain}-{fingerprint[:8]}"
