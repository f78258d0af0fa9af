"""The picture of a comparison of images: those that the candidate lost, and those that it gained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.board.comparison import Pair
from bench.board.flips import Flip, Way, flips, shown
from bench.errors import UsageError
from bench.report.comparison import called, taken_for
from bench.report.figure_style import bare, page
from bench.table import visible

COLUMNS = 10
TITLES: dict[Way, str] = {"lost": "Lost: {0} holds, {1} falls", "gained": "Gained: {1} holds, {0} falls"}
HEIGHT = 1.05
"""Inches of a row of images with its captions."""


def flips_figure(pair: Pair) -> Figure:
    """The first flipped examples each way, as they are in the split, with what the falling model takes them for.

    Raises:
        UsageError: nothing flipped, or the data are no images.
    """
    line, dataset = shown(pair), pair.candidate.view.dataset
    if len(dataset.input_shape) != 3:
        raise UsageError(f"{dataset.name} has no images to draw; leave --figure out")
    found = flips(line, COLUMNS) if line else []
    if line is None or not found:
        raise UsageError("no example flipped, so there is nothing to draw; leave --figure out")
    split = pair.candidate.view.suite.dataset.split
    images = dataset.examples(split, np.array([flip.position for flip in found]))
    ways = [way for way in TITLES if any(flip.way == way for flip in found)]
    figure = page(HEIGHT * len(ways))
    names = [visible(side.called) for side in (pair.baseline, pair.candidate)]
    asked = called(line.question, [each.question for each in pair.lines])
    parts = figure.subfigures(len(ways), 1, squeeze=False)
    for part, way in zip(parts.flat, ways, strict=True):
        chosen = [place for place, flip in enumerate(found) if flip.way == way]
        total = len(line.paired.lost if way == "lost" else line.paired.gained)
        few = f", {len(chosen)} of {total} shown" if len(chosen) < total else f", all {total}"
        part.suptitle(f"{TITLES[way].format(*names)}, at {asked}{few}", fontsize=8, x=0.01, ha="left")
        _strip(part, images[chosen], [found[place] for place in chosen], dataset.classes, (dataset.low, dataset.high))
    return figure


def _strip(
    part: Any,
    images: NDArray[np.float32],
    found: Sequence[Flip],
    classes: Sequence[str],
    limits: tuple[float, float],
) -> None:
    """A row of images, `(n, C, H, W)`, with two lines below each."""
    panels = part.subplots(1, COLUMNS)
    for panel in panels:
        bare(panel)
        panel.set_frame_on(False)
    low, high = limits if np.isfinite(limits).all() else (float(images.min()), float(images.max()))
    for panel, image, flip in zip(panels, images, found, strict=False):
        scaled = np.clip((image - low) / ((high - low) or 1), 0, 1)
        picture = scaled.transpose(1, 2, 0) if len(image) == 3 else scaled.mean(0)
        panel.imshow(picture, cmap="gray", vmin=0, vmax=1)
        told = taken_for(flip, classes) or "?"
        panel.set_xlabel(f"{classes[flip.true]} → {told}\nno. {flip.position}", fontsize=7, labelpad=2)
