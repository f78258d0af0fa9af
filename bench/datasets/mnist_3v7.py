"""The 3s and 7s of MNIST: two classes, for models whose worst case is known in closed form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.datasets import idx
from bench.datasets.base import Arrays, Dataset
from bench.datasets.mnist import mnist

DIGITS = (3, 7)


def mnist_3v7() -> Dataset:
    """All 3s (label 0) and 7s (label 1) of MNIST in its order (arXiv 1412.6572, section 5)."""
    whole = mnist()
    return replace(
        whole,
        name="mnist-3v7",
        classes=tuple(whole.classes[digit] for digit in DIGITS),
        sizes={"train": 12_396, "test": 2_038},
        checksum=idx.digest(f"{whole.checksum} {DIGITS}\n".encode()),
        read=_read,
    )


def _read(split: str) -> Arrays:
    images, labels = mnist().read(split)
    chosen = np.isin(labels, DIGITS)
    return images[chosen], np.searchsorted(DIGITS, labels[chosen])
