"""Pictures of kept adversarial examples: the clean image, what was added to it, and what came of it.

A perturbation is drawn around the middle of its own scale, which stands beside it: in one channel from blue (less)
through white to red (more), in colours around grey. All pictures of a cell share one scale.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.board.measured import Measured
from bench.records.examples import Kept
from bench.report.page.given import Board

MOST = 12
"""Examples shown of a cell."""
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
    """One example: three pictures beside each other, as one file."""

    file: str
    number: int
    """Its position in the split."""
    true: str
    before: Answer
    after: Answer
    width: int
    """Of the file, in pixels, as is its height."""
    height: int


@dataclass(frozen=True)
class Shown:
    """The examples of a cell."""

    title: str
    id: str
    scale: str
    """What the ends of the perturbation's scale stand for."""
    coloured: bool
    strips: Sequence[Strip]
    total: int
    """How many were kept."""


def pictured(
    board: Board, title: str, row: Measured, id: str, kept: Kept
) -> tuple[Shown, list[tuple[str, bytes]]] | None:
    """What is shown of a cell, and its files; None of what are no images, and of what has no clean inputs."""
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
    strips, files = [], []
    for k, place in enumerate(chosen):
        number, before = int(kept.index[place]), int(clean_pass.predicted[places[place]])
        true, after = int(data.labels(split)[number]), int(kept.predicted[place])
        picture = _strip(_shaded(clean[k], board), _perturbed(moved[k] - clean[k], reach), _shaded(moved[k], board))
        name = f"gallery/{id}-{number}.png"
        files.append((name, _png(picture)))
        strips.append(
            Strip(
                name,
                number,
                data.classes[true],
                _answer(board, before, true, _at(kept.clean_confidence, int(place))),
                _answer(board, after, true, _at(kept.confidence, int(place))),
                picture.shape[1],
                picture.shape[0],
            )
        )
    return Shown(title, id, f"{reach:.3g}", data.input_shape[0] == 3, strips, len(kept.index)), files


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
    """`(H, W', 4)` pictures beside each other, nothing between them."""
    height, width = pictures[0].shape[:2]
    gap = max(1, width // 14)
    made = np.zeros((height, 3 * width + 2 * gap, 4), dtype=np.uint8)
    for k, picture in enumerate(pictures):
        start = k * (width + gap)
        made[:, start : start + width, :3] = picture
        made[:, start : start + width, 3] = 255
    return made


def _png(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()
