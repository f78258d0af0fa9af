"""The paper's figures, drawn from models. A figure is one file here and one line in the table below.

    draw("eps-trace", Path("docs/figures"))     eps-trace.png, and eps-trace.json with what it shows
    draw_all(Path("docs/figures"), print)       all whose models are made

Importing this package loads neither matplotlib nor torch.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.datasets import open_dataset
from bench.errors import UsageError, unknown
from bench.models import Models

if TYPE_CHECKING:
    from bench.report.figures.drawn import Drawn

__all__ = ["TABLE", "Entry", "NotReady", "draw", "draw_all"]


class Entry(NamedTuple):
    """What a figure is drawn from, and the function that draws it."""

    dataset: str
    models: tuple[str, ...]
    """Reference models of the dataset."""
    function: str
    """`module:function`; a string, so that knowing the figures imports none. It takes `Models`, gives a `Drawn`."""


TABLE = {
    "logreg-figure": Entry("mnist-3v7", ("logistic-regression",), "logistic_regression:logistic_regression"),
    "at-filters": Entry("mnist", ("maxout", "maxout-adversarial"), "filters:filters"),
    "eps-trace": Entry("mnist", ("maxout",), "eps_trace:eps_trace"),
    "fooling-figure": Entry("mnist", ("maxout",), "fooling:fooling"),
    "small-distances": Entry("mnist", ("maxout",), "small_distances:small_distances"),
    "maps": Entry("mnist", ("maxout",), "maps:maps"),
}
"""Figures by the ids of the published numbers."""


class NotReady(UsageError):
    """A figure whose models are not made yet."""


def draw(id: str, out: Path) -> Path:
    """Draw one figure: `ID.png` and `ID.json`, its finding, in a folder; the path of the image.

    Raises:
        NotReady: a model is not made yet.
        UsageError: no such figure, or no matplotlib.
    """
    if id not in TABLE:
        raise unknown("figure", id, TABLE)
    _require_matplotlib()
    entry = TABLE[id]
    models = Models(open_dataset(entry.dataset), "cpu", lambda line: None)
    missing = [name for name in entry.models if not models.is_ready(name)]
    if missing:
        raise NotReady(
            f"figure {id} needs {' and '.join(missing)} for {entry.dataset}, not made yet; "
            "run bench paper --budget full"
        )
    return _publish(id, out, _function(entry), models)


def draw_all(out: Path, report: Callable[[str], None], ids: Iterable[str] = tuple(TABLE)) -> list[Path]:
    """Draw every figure whose models are made; the paths of the images.

    Args:
        out: folder.
        report: told in a line of each figure that was left out.
        ids: of the figures to draw.

    Raises:
        UsageError: an id that is no figure's, or no matplotlib.
    """
    paths = []
    for id in ids:
        try:
            paths.append(draw(id, out))
        except NotReady as why:
            report(str(why))
    return paths


def _publish(id: str, out: Path, function: Callable[[Models], Drawn], models: Models) -> Path:
    """The image first: a finding is read only where its image is."""
    from bench.report.figures.style import png, styled

    with styled():
        drawn = function(models)
        image = png(drawn.figure)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{id}.png"
    _replace(path, image)
    found = {"figure": path.name, "shows": drawn.shows, "finding": drawn.finding}
    _replace(path.with_suffix(".json"), (json.dumps(found, indent=2, sort_keys=True) + "\n").encode())
    return path


def _replace(path: Path, content: bytes) -> None:
    """Replace the file in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def _function(entry: Entry) -> Callable[[Models], Drawn]:
    module, name = entry.function.split(":")
    function: Callable[[Models], Drawn] = getattr(import_module(f"{__name__}.{module}"), name)
    return function


def _require_matplotlib() -> None:
    if find_spec("matplotlib") is None:
        raise UsageError("figures need matplotlib; pip install 'potemkin-bench[figures]'")
