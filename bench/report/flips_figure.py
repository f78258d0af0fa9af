"""The picture of a comparison of images: those that the candidate lost, and those that it gained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.board.comparison import Pair
from bench.board.flips import Flip, Way, flips, shown
from bench.errors import UsageError
from bench.records.examples import Kept
from bench.report.comparison import called, given, row_called
from bench.report.figure_style import bare, page
from bench.table import visible

COLUMNS = 10
TITLES: dict[Way, str] = {"lost": "Lost: {0} holds, {1} falls", "gained": "Gained: {1} holds, {0} falls"}
ROW, LINE = 0.72, 0.125
"""Inches of a row of images, and of a line of text."""
LETTERS = 12
"""Of a line below an image."""


@dataclass(frozen=True)
class Shown:
    """A flipped example with its pictures."""

    flip: Flip
    clean: NDArray[np.float32]
    """`(C, H, W)`"""
    attacked: NDArray[np.float32] | None
    """What the falling model was shown, where that was kept."""
    label: int | None
    """What it took it for; where nothing was kept, under the first that it falls for."""
    under: str
    """What that was."""

    @property
    def caption(self) -> str:
        """That, in short lines, below the classes."""
        return f"\n{fill(self.under, LETTERS)}"


def flips_figure(pair: Pair, kept: Callable[[str], Kept | None] = lambda id: None) -> Figure:
    """Flipped examples each way, clean and, of those with an adversarial input that was kept, as attacked; these first.

    Args:
        pair: two models, or versions of one.
        kept: the inputs that were kept with the record of a cell, by its id.

    Raises:
        UsageError: nothing flipped, or the data are no images.
    """
    line, dataset = shown(pair), pair.candidate.view.dataset
    if len(dataset.input_shape) != 3:
        raise UsageError(f"{dataset.name} has no images to draw; leave --figure out")
    found = flips(line, None) if line else []
    if line is None or not found:
        raise UsageError("no example flipped, so there is nothing to draw; leave --figure out")
    ways = {way: _chosen(pair, [flip for flip in found if flip.way == way], kept) for way in TITLES}
    ways = {way: examples for way, examples in ways.items() if examples}
    heights = [_height(examples) for examples in ways.values()]
    figure = page(sum(heights))
    names = [visible(side.called) for side in (pair.baseline, pair.candidate)]
    asked = called(line.question, [each.question for each in pair.lines])
    parts = figure.subfigures(len(ways), 1, squeeze=False, height_ratios=heights)
    for part, (way, examples) in zip(parts.flat, ways.items(), strict=True):
        total = len(line.paired.lost if way == "lost" else line.paired.gained)
        few = f", {len(examples)} of {total} shown" if len(examples) < total else f", all {total}"
        none = "" if any(each.attacked is not None for each in examples) else "; no attacked inputs of these were kept"
        part.suptitle(f"{TITLES[way].format(*names)}, at {asked}{few}{none}", fontsize=8, x=0.01, ha="left")
        _strip(part, examples, dataset.classes, (dataset.low, dataset.high))
    return figure


def _chosen(pair: Pair, found: Sequence[Flip], kept: Callable[[str], Kept | None]) -> list[Shown]:
    """Those that are drawn: with an input that was kept before others, then the first of the split."""
    inputs: dict[str, Kept | None] = {}

    def attacked(flip: Flip) -> tuple[NDArray[np.float32], int, str] | None:
        for row, label in flip.falls:
            for id in (cell.id for cell in row.cells if row.made.role != "clean"):
                if id not in inputs:
                    inputs[id] = kept(id)
                image = _image(inputs[id], flip.position, pair.candidate.view.dataset.input_shape)
                if image is not None:
                    return image, label, row_called(row, told)
        return None

    told = [each.question for each in pair.lines]
    pictures = {flip.position: attacked(flip) for flip in found}
    taken = sorted(found, key=lambda flip: (pictures[flip.position] is None, flip.position))[:COLUMNS]
    view = pair.candidate.view
    positions = np.array(sorted(flip.position for flip in taken), dtype=np.int64)
    clean = dict(zip(positions.tolist(), view.dataset.examples(view.suite.dataset.split, positions), strict=True))
    return [
        Shown(flip, clean[flip.position], *(pictures[flip.position] or (None, flip.label, _under(flip, told))))
        for flip in taken
    ]


def _under(flip: Flip, told: Sequence[Any]) -> str:
    return "" if flip.under is None else row_called(flip.under, told)


def _image(kept: Kept | None, position: int, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    """The kept input of an example; None where there is none of the data's shape."""
    if kept is None or kept.adversarial.shape[1:] != shape:
        return None
    place = int(np.searchsorted(kept.index, position))
    return kept.adversarial[place] if place < len(kept.index) and kept.index[place] == position else None


def _height(examples: Sequence[Shown]) -> float:
    """Inches of a strip: its title, the numbers, one or two rows of images, the captions."""
    captions = max(1 + each.caption.count("\n") for each in examples)
    return ROW * (1 + any(each.attacked is not None for each in examples)) + LINE * (3 + captions)


def _strip(part: Any, examples: Sequence[Shown], classes: Sequence[str], limits: tuple[float, float]) -> None:
    """Rows of images, clean and, where some were kept, as attacked; captions above and below."""
    kept = any(each.attacked is not None for each in examples)
    panels = part.subplots(1 + kept, COLUMNS, squeeze=False)
    for panel in panels.flat:
        bare(panel)
        panel.set_frame_on(False)
    images = np.stack([each.clean for each in examples])
    low, high = limits if np.isfinite(limits).all() else (float(images.min()), float(images.max()))
    for text, row in zip(("clean", "attacked"), panels, strict=False):
        row[0].set_ylabel(text, fontsize=7)
    for each, column in zip(examples, panels.T, strict=False):
        column[0].set_title(f"no. {each.flip.position}", fontsize=7, pad=2)
        for panel, image in zip(column, (each.clean, each.attacked), strict=False):
            _draw(panel, image, each.clean, low, high)
        told = f"{classes[each.flip.true]} → {given(each.label, classes) or '?'}"
        column[-1].set_xlabel(told + each.caption, fontsize=7, labelpad=2)


def _draw(panel: Any, image: NDArray[np.float32] | None, like: NDArray[np.float32], low: float, high: float) -> None:
    """An image, or that there is none like another."""
    if image is None:
        panel.text(0.5, 0.5, "not kept", ha="center", va="center", fontsize=7, transform=panel.transAxes)
        image = np.full(like.shape, high, np.float32)
    scaled = np.clip((image - low) / ((high - low) or 1), 0, 1)
    panel.imshow(scaled.transpose(1, 2, 0) if len(image) == 3 else scaled.mean(0), cmap="gray", vmin=0, vmax=1)
