"""MNIST, shipped in this package: handwritten digits, 28 x 28."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench.datasets import idx
from bench.datasets.base import Dataset

FOLDER = Path(__file__).with_name("mnist")
SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""Of the unpacked files."""


def mnist() -> Dataset:
    """The full MNIST, examples `(1, 28, 28)` in [0, 1]."""
    return Dataset(
        name="mnist",
        input_shape=(1, 28, 28),
        classes=tuple("0123456789"),
        sizes={"train": 60_000, "test": 10_000},
        checksum=idx.checksum(SHA256),
        read=partial(idx.read_split, FOLDER, SHA256, "reinstall potemkin-bench"),
        divisor=255.0,
        source="Y. LeCun and C. Cortes, http://yann.lecun.com/exdb/mnist/",
        licence="CC BY-SA 3.0",
    )
