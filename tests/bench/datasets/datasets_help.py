"""What the dataset tests import: files written by the definition of their format, and the type of a fixture."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.datasets.cifar10 import CLASSES

Refuses = Callable[..., AbstractContextManager[None]]
"""`refuses("part", ...)` expects a UsageError of one line that names every part."""


def packed_idx(array: NDArray[np.uint8]) -> bytes:
    """An IDX file's content."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def cifar10_record(label: int, image: NDArray[np.uint8]) -> bytes:
    """The label and a `(3, 32, 32)` image: all of red, then green, then blue, each row by row."""
    return bytes([label, *image.ravel().tolist()])


def cifar10_archive(path: Path, files: Mapping[str, bytes]) -> None:
    """A gzipped archive with these files where the official one has them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def cifar10_folder(root: Path, each: int = 1, size: int = 32) -> Path:
    """A folder of random images in CIFAR-10's classes, so many of each in both splits; 32 is its size."""
    generator = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in CLASSES:
            (root / split / name).mkdir(parents=True)
            for number in range(each):
                pixels = generator.integers(0, 256, (size, size, 3), np.uint8)
                pixels[0, 0] = 255  # the brightest there is, so that the range is reached
                Image.fromarray(pixels).save(root / split / name / f"{number}.png")
    return root
