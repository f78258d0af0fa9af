"""Pictures of kept adversarial examples: the clean image, what was added to it, and what came of it.

A perturbation is drawn around the middle of its own scale, which stands beside it: in one channel from blue (less)
through white to red (more), in colours around grey. All pictures of a cell share one scale. Those of many cells lie on
one sheet, a line a cell, so that a model has a few files and not thousands.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.board.measured import Measured
from bench.records.examples import Kept
from bench.report.page.given import Board

MOST = 16
"""Examples shown of a cell: columns of a sheet."""
LINES = 48
"""Cells on a sheet, at most."""
PIXELS = 4_000_000
"""Of a sheet of more than one cell, at most: what a browser decodes to show any of it."""
BLUE, RED = np.array([33, 102, 172]), np.array([178, 24, 43])
"""The ends of the scale of a perturbation in one channel."""


@dataclass(frozen=True)
class Answer:
    """What a model says of an input."""

    label: str
    confidence: str
    """Such as `99.1%`; empty where there is none."""
    right: bool


@dataclass(frozen=True)
class Strip:
    """One example: three pictures beside each other."""

    column: int
    """On its sheet."""
    number: int
    """Its position in the split."""
    true: str
    before: Answer
    after: Answer


@dataclass(frozen=True)
class Shown:
    """The examples of a cell, which are a line of a sheet."""

    title: str
    id: str
    sheet: str
    line: int
    width: int
    """Of a strip, in pixels, as is its height."""
    height: int
    frames: str
    """The outlines of the three pictures, as a path."""
    scale: str
    """What the ends of the perturbation's scale stand for."""
    coloured: bool
    strips: Sequence[Strip]
    total: int
    """How many were kept."""

    @property
    def by_number(self) -> Mapping[int, Strip]:
        return {strip.number: strip for strip in self.strips}


@dataclass
class Sheets:
    """The pictures of a model."""

    slug: str
    """Begins the names of its files."""
    sheets: list[list[NDArray[np.uint8]]] = field(default_factory=list)

    def put(self, pictures: Sequence[NDArray[np.uint8]]) -> tuple[str, int]:
        """Add pictures of one size as a line: the file that they will be on, and which line of it."""
        line = np.concatenate([*pictures, *[np.zeros_like(pictures[0])] * (MOST - len(pictures))], axis=1)
        last = self.sheets[-1] if self.sheets else []
        if not last or last[0].shape != line.shape or len(last) >= min(LINES, PIXELS // (line.size // 4)):
            self.sheets.append([])
        self.sheets[-1].append(line)
        return self._name(len(self.sheets) - 1), len(self.sheets[-1]) - 1

    def lines(self, name: str) -> int:
        """How many lines a sheet has."""
        return len(self.sheets[int(name.removesuffix(".png").rpartition("-")[2])])

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Every sheet as a file."""
        for number, lines in enumerate(self.sheets):
            file = io.BytesIO()
            Image.fromarray(np.concatenate(lines)).save(file, "PNG", compress_level=9)
            yield self._name(number), file.getvalue()

    def _name(self, number: int) -> str:
        return f"gallery/{self.slug}-{number}.png"


def pictured(board: Board, title: str, row: Measured, id: str, kept: Kept, sheets: Sheets) -> Shown | None:
    """What is shown of a cell, its pictures put on a sheet; None of what are no images, or has no clean inputs."""
    data, split = board.dataset, row.cell.craft.slice.split
    clean_pass = board.view.clean_of(row)
    if (
        kept.adversarial.shape[1:] != data.input_shape
        or len(data.input_shape) != 3
        or data.input_shape[0] not in (1, 3)
        or split is None
        or clean_pass is None
    ):
        return None
    places = np.searchsorted(clean_pass.index, kept.index)
    known = (places < len(clean_pass.index)) & np.isfinite(kept.adversarial.reshape(len(kept.index), -1)).all(1)
    known[known] &= clean_pass.index[places[known]] == kept.index[known]
    chosen = np.flatnonzero(known)[:MOST]
    if not len(chosen):
        return None
    clean = data.examples(split, kept.index[chosen]).astype(np.float64)
    moved = kept.adversarial[chosen].astype(np.float64)
    reach = float(np.abs(moved - clean).max())
    if row.threat.norm == "linf" and row.threat.eps is not None:
        reach = max(reach, row.threat.eps)
    strips, pictures = [], []
    for k, place in enumerate(chosen):
        number, before = int(kept.index[place]), int(clean_pass.predicted[places[place]])
        true, after = int(data.labels(split)[number]), int(kept.predicted[place])
        change = _perturbed(moved[k] - clean[k], reach)
        pictures.append(_strip(_shaded(clean[k], board), change, _shaded(moved[k], board)))
        first = _answer(board, before, true, _at(kept.clean_confidence, int(place)))
        then = _answer(board, after, true, _at(kept.confidence, int(place)))
        strips.append(Strip(k, number, data.classes[true], first, then))
    height, width = pictures[0].shape[:2]
    sheet, line = sheets.put(pictures)
    coloured = data.input_shape[0] == 3
    frames = _frames(*data.input_shape[1:])
    return Shown(title, id, sheet, line, width, height, frames, f"{reach:.3g}", coloured, strips, len(kept.index))


def _at(values: NDArray[np.float32] | None, place: int) -> float:
    return float("nan") if values is None else float(values[place])


def _answer(board: Board, label: int, true: int, confidence: float) -> Answer:
    named = board.dataset.classes[label] if 0 <= label < len(board.dataset.classes) else "no answer"
    return Answer(named, f"{100 * confidence:.1f}%" if np.isfinite(confidence) else "", label == true)


def _shaded(image: NDArray[np.float64], board: Board) -> NDArray[np.uint8]:
    """`(H, W, 3)` of an image in the dataset's units."""
    low, high = board.dataset.bounds or (float(image.min()), float(image.max()) or 1.0)
    scaled = np.clip((image - low) / ((high - low) or 1.0), 0, 1)
    return _three(np.rint(255 * scaled).astype(np.uint8))


def _perturbed(change: NDArray[np.float64], reach: float) -> NDArray[np.uint8]:
    """`(H, W, 3)` of a change between `-reach` and `reach`."""
    part = np.clip(change / (reach or 1.0), -1, 1)
    if len(part) == 3:
        return _three(np.rint(127.5 + 127.5 * part).astype(np.uint8))
    one = part[0][..., None]
    return np.asarray(np.rint(255 + np.abs(one) * (np.where(one < 0, BLUE, RED) - 255)), dtype=np.uint8)


def _three(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`(H, W, 3)` of `(C, H, W)`."""
    return np.moveaxis(np.broadcast_to(image, (3, *image.shape[1:])), 0, -1)


def _strip(*pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`(H', W', 4)` pictures beside each other with clear pixels around each, so that none runs into the next where a
    browser scales a sheet.
    """
    height, width = pictures[0].shape[:2]
    half = _gap(width)
    made = np.zeros((height + 2 * half, len(pictures) * (width + 2 * half), 4), dtype=np.uint8)
    for k, picture in enumerate(pictures):
        start = k * (width + 2 * half) + half
        made[half:-half, start : start + width, :3] = picture
        made[half:-half, start : start + width, 3] = 255
    return made


def _gap(width: int) -> int:
    """Clear pixels on each side of a picture."""
    return max(1, width // 28)


def _frames(height: int, width: int) -> str:
    gap = _gap(width)
    starts = (k * (width + 2 * gap) + gap for k in range(3))
    return "".join(f"M{start} {gap}h{width}v{height}h-{width}z" for start in starts)
