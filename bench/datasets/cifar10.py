"""CIFAR-10: colour photographs of ten kinds of things, 32 x 32. Downloaded as binary files, which are no pickle."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.datasets.base import Arrays, Dataset
from bench.datasets.files import download
from bench.errors import UsageError
from bench.home import home

MIRRORS = ("https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/")
ARCHIVE = "cifar-10-binary.tar.gz"
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9dddda3db29a59bca1dd"
"""Of the archive whose published MD5 is c32a1d4ab5d03f1284b67883e8d87530."""
SIZES = {"train": 50_000, "test": 10_000}
SHAPE = (3, 32, 32)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
NOTE = "images of a folder in place of the official files; JPEG ones have lost detail"

_FILES = {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)}
_RECORD = 1 + 3 * 32 * 32
"""Bytes of an example: its label, then its pixels, channel by channel, row by row."""


def cifar10(path: str | Path | None = None) -> Dataset:
    """The full CIFAR-10, examples `(3, 32, 32)` in [0, 1].

    `path` names a folder of images, `train/<class>/` and `test/<class>/`, that stands in for the official files: other
    data with another checksum, which its `note` tells. Raises UsageError for a folder that is not so.
    """
    if path is not None:
        return _stand_in(path)
    return Dataset(
        name="cifar10",
        input_shape=SHAPE,
        classes=CLASSES,
        sizes=SIZES,
        checksum=SHA256,
        read=_read,
        divisor=255.0,
        source="A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html",
        licence="not stated",
    )


def _stand_in(path: str | Path) -> Dataset:
    from bench.datasets.image_folder import image_folder  # with Pillow, which the official files do without

    data = image_folder(path, NOTE)
    if data.classes != CLASSES or data.input_shape != SHAPE:
        raise UsageError(
            f"{path} is no CIFAR-10: its images are {data.input_shape} (channels, height, width) of the classes "
            f"{', '.join(data.classes)}; give {SHAPE} of {', '.join(CLASSES)}"
        )
    return replace(data, name="cifar10")


def _read(split: str) -> Arrays:
    folder = home() / "downloads" / "cifar10"
    otherwise = f"put the file into {folder}, or give path: a folder of the images by class"
    download("cifar10", ARCHIVE, SHA256, folder, MIRRORS, otherwise)
    with tarfile.open(folder / ARCHIVE) as archive:  # read in place: nothing is unpacked to where its names say
        files = [archive.extractfile(f"cifar-10-batches-bin/{name}") for name in _FILES[split]]
        content = b"".join(file.read() for file in files if file is not None)
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    return records[:, 1:].reshape(-1, *SHAPE), records[:, 0]
