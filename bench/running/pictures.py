"""Kept adversarial images as PNG files of 8 bits, each rounded towards its clean image and within its ball."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.datasets.base import Dataset
from bench.files import replace_file
from bench.progress import Say
from bench.records.cell import DatasetId
from bench.records.examples import Kept
from bench.records.record import Record
from bench.records.store import Store
from bench.report.page.given import slug
from bench.verifying.eight_bit import is_image, pixels, rounded
from bench.verifying.geometry import flat, lengths, outside

FOLDER = "png"


def write(source: Store, records: Iterable[Record], datasets: Callable[[DatasetId], Dataset | str], folder: Path,
          warn: Say) -> int:  # fmt: skip
    """Write `MODEL/ATTACK-CELL-POSITION-TRUE-GIVEN.png` for every kept image; how many.

    Labels are numbers of classes, and GIVEN is the class that the model gave the float32 input. Generated inputs have
    no clean image, and no picture. Images that no level keeps within the ball, as of clean
    ones that are not of 8 bits, are left out.

    Args:
        source: where the records are.
        records: whose images to write.
        datasets: the dataset of an id, or why it is not at hand.
        folder: to write into.
        warn: told in a line of what is left out.
    """
    count = 0
    for record in records:
        try:
            kept = source.examples(record)
            if kept is None:
                continue
            dataset = datasets(record.cell.craft.dataset)
            if isinstance(dataset, str):
                raise ValueError(dataset)
            levels, within, true = _levels(record, kept, dataset)
        except ValueError as error:
            warn(f"no pictures of {record.cell}: {error}")
            continue
        if not within.all():
            warn(f"{int((~within).sum())} pictures of {record.cell} left out: 8 bits cannot hold them within the ball")
        target = record.cell.target
        attack = re.sub("[^a-z0-9]+", "-", record.cell.craft.attack.name.lower())[:40]
        for row in np.flatnonzero(within):
            labels = f"true{true[row]}-given{int(kept.predicted[row])}"
            name = f"{attack}-{record.id[:12]}-{int(kept.index[row]):06}-{labels}"
            replace_file(folder / slug(target.name, target.fingerprint) / f"{name}.png", _png(levels[row]))
            count += 1
    return count


def _levels(record: Record, kept: Kept, dataset: Dataset) -> tuple[NDArray[np.uint8], NDArray[np.bool_], list[str]]:
    """`(m, C, H, W)` levels, `(m,)` which of them lie within the ball, and true labels.

    Raises:
        ValueError: they are no images in [0, 1] of that dataset.
    """
    moved, split, threat = kept.adversarial, record.cell.craft.slice.split, record.cell.threat
    if split is None:
        raise ValueError("generated inputs have no clean image to be rounded towards")
    if not is_image(dataset) or moved.shape[1:] != dataset.input_shape:
        raise ValueError(f"inputs of {dataset.name} are no images in [0, 1] of one or three channels")
    if not ((moved >= 0) & (moved <= 1)).all():
        raise ValueError("a kept input leaves [0, 1]")
    labels = dataset.labels(split)
    if kept.index[-1] >= len(labels):
        raise ValueError("kept inputs of examples that its dataset does not have")
    x = dataset.examples(split, kept.index)
    levels = rounded(x, moved)
    within = np.ones(len(moved), dtype=bool)
    if threat.norm is not None:
        clean, shown = flat(x), flat(pixels(levels))
        if threat.eps is None:
            within = lengths(threat.norm, clean, shown) <= lengths(threat.norm, clean, flat(moved)) * (1 + 1e-12)
        else:
            within = ~outside(threat.norm, clean, shown, threat.eps)
    return levels, within, [str(int(label)) for label in labels[kept.index]]


def _png(levels: NDArray[np.uint8]) -> bytes:
    """A file of `(1 or 3, H, W)` levels."""
    file = io.BytesIO()
    Image.fromarray(levels[0] if len(levels) == 1 else np.moveaxis(levels, 0, -1)).save(file, "PNG")
    return file.getvalue()
