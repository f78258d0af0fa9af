"""Any folder of the four IDX files that MNIST made customary, gzipped or not."""

from __future__ import annotations

from pathlib import Path

from bench.datasets import idx
from bench.datasets.base import Dataset
from bench.datasets.files import existing
from bench.errors import UsageError

_NAMES = f"the folder must hold {', '.join(idx.FILES)}, gzipped or not"


def idx_folder(path: str | Path) -> Dataset:
    """The grey images in the folder at `path`, examples `(1, H, W)` in [0, 1]; labels are 0 to the largest one.

    The checksum is over the unpacked contents, so that a copy of a known dataset has that dataset's. All is read here.
    Raises UsageError for a folder or file that is missing or malformed.
    """
    folder = existing(path)
    digests = {name: idx.digest(idx.unpacked(folder, name, _NAMES, "get the file again")[1]) for name in idx.FILES}
    remedy = "leave the folder alone and run again"
    splits = {split: idx.read_split(folder, digests, remedy, split) for split in idx.SPLITS}
    shapes = {split: images.shape[1:] for split, (images, _) in splits.items()}
    if shapes["train"] != shapes["test"]:
        raise UsageError(f"{folder}: train images are {shapes['train']}, test images {shapes['test']}; give one size")
    for split, (images, _) in splits.items():
        if not images.size:
            raise UsageError(f"{folder}: the {split} images are empty, {images.shape}; give files with examples")
    classes = 1 + max(int(labels.max()) for _, labels in splits.values())
    if classes < 2:
        raise UsageError(f"{folder}: every label is 0; give labels of two classes or more")
    return Dataset(
        name="idx-folder",
        input_shape=shapes["train"],
        classes=tuple(str(label) for label in range(classes)),
        sizes={split: len(labels) for split, (_, labels) in splits.items()},
        checksum=idx.checksum(digests),
        read=splits.__getitem__,
        divisor=255.0,
    )
