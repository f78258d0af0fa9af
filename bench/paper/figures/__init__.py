"""The paper's figures, drawn from models. A figure is one file here, a line in the registry, and what it needs.

    draw("eps-trace", Path("docs/figures"))     eps-trace.png, and eps-trace.json with what it shows
    draw_all(Path("docs/figures"), print)       all whose models are made
    lacking("at-filters")                       why one cannot be drawn, or None

Importing this package loads neither matplotlib nor torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench import registry
from bench.datasets import open_dataset
from bench.errors import UsageError
from bench.files import replace_file
from bench.progress import Say
from bench.running.roster import Models

if TYPE_CHECKING:
    from bench.report.figure_style import Drawn

__all__ = ["NEEDS", "Lack", "Needs", "NotReady", "draw", "draw_all", "lacking"]


class Needs(NamedTuple):
    """What a figure is drawn from."""

    dataset: str
    models: tuple[str, ...]
    """Reference models of the dataset."""
    curves: bool = False
    """Whether it needs the models' learning curves."""


NEEDS = {
    "logreg-figure": Needs("mnist-3v7", ("logistic-regression",)),
    "at-filters": Needs("mnist", ("maxout", "maxout-adversarial")),
    "at-curve": Needs("mnist", ("maxout-seed-1", "maxout-adversarial"), curves=True),
    "eps-trace": Needs("mnist", ("maxout",)),
    "fooling-figure": Needs("mnist", ("maxout",)),
    "small-distances": Needs("mnist", ("maxout",)),
    "maps": Needs("mnist", ("maxout",)),
}
"""By the ids of the published numbers, which name the figures. Told without importing any."""


class Lack(NamedTuple):
    """Why a figure cannot be drawn."""

    reason: str
    command: str | None
    """What brings what is lacking; None where nothing does."""


class NotReady(UsageError):
    """A figure that lacks something."""


def lacking(id: str) -> Lack | None:
    """What a figure lacks; None where it can be drawn. Models of quick recipes do not count."""
    if id not in NEEDS:
        return Lack("there is no figure yet", None)
    if find_spec("matplotlib") is None:
        return Lack("figures need matplotlib", "pip install 'potemkin-bench[figures]'")
    dataset, names, curves = NEEDS[id]
    models = Models(open_dataset(dataset), "cpu")
    cards = {name: models.card(name) for name in names}
    missing = [name for name, card in cards.items() if card is None]
    if missing:
        reason = f"figure {id} needs {' and '.join(missing)} for {dataset} by the full recipe, not made yet"
        return Lack(reason, "bench paper --budget full")
    bare = [name for name, card in cards.items() if curves and card and card.curve is None]
    if bare:
        reason = f"figure {id} needs the learning curve of {' and '.join(bare)} for {dataset}, trained without one"
        return Lack(reason, " && ".join(f"bench train {name} --dataset {dataset}" for name in bare))
    return None


def draw(id: str, out: Path) -> Path:
    """Draw one figure: `ID.png` and `ID.json`, its finding, in a folder; the path of the image.

    Raises UsageError for an unknown figure, and NotReady for one that lacks something.
    """
    id = registry.canonical("figure", id)
    lack = lacking(id)
    if lack is not None:
        raise NotReady(f"{lack.reason}; run {lack.command}")
    function: Callable[[Models], Drawn] = registry.get("figure", id)
    from bench.report.figure_style import png, styled

    with styled():
        drawn = function(Models(open_dataset(NEEDS[id].dataset), "cpu"))
        image = png(drawn.figure)
    path = out / f"{id}.png"
    replace_file(path, image)  # first: a finding is read only where its image is
    found = {name: getattr(drawn, name) for name in ("shows", "finding", "as_published")} | {"figure": path.name}
    replace_file(path.with_suffix(".json"), (json.dumps(found, indent=2, sort_keys=True) + "\n").encode())
    return path


def draw_all(out: Path, report: Say, ids: Iterable[str] = tuple(NEEDS)) -> list[Path]:
    """Draw the figures of these ids that lack nothing; the paths of the images.

    `report` is told in a line of each that was left out. Raises UsageError for an id that is no figure's.
    """
    paths = []
    for id in ids:
        try:
            paths.append(draw(id, out))
        except NotReady as why:
            report(str(why))
    return paths
