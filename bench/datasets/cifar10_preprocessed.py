"""CIFAR-10 as the convolutional maxout net of arXiv 1412.6572 sees it: contrast-normalised and whitened."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from hashlib import sha256
from math import inf
from pathlib import Path

import numpy as np

from bench.datasets import whitening
from bench.datasets.base import Arrays, Dataset
from bench.datasets.cifar10 import cifar10
from bench.datasets.files import load_array, load_or_make, write_array
from bench.home import home

VERSION = "1"
"""Raised whenever the same images would give other values."""


def cifar10_preprocessed(path: str | Path | None = None) -> Dataset:
    """CIFAR-10, or what stands in for it at `path`, whitened; examples `(3, 32, 32)`, standard deviation about 0.5.

    Epsilon is in these units. They have no range: each value mixes all pixels of its image, so none of its own says
    which images could be photographs. The checksum is of the pixels' checksum and of what is done to them. The
    whitening is fitted on the training images at first use; its results are kept in the cache folder with a checksum.
    Raises UsageError as `cifar10` does.
    """
    pixels = cifar10(path)
    recipe = f"{VERSION} gcn {whitening.NORM} zca {whitening.FILTER_BIAS} {pixels.checksum}"
    checksum = sha256(recipe.encode()).hexdigest()
    return replace(
        pixels,
        name="cifar10-preprocessed",
        checksum=checksum,
        read=partial(_read, pixels, home() / "datasets" / checksum),
        divisor=1.0,
        low=-inf,
        high=inf,
        units="whitened contrast, standard deviation about 0.5",
    )


def _read(pixels: Dataset, cache: Path, split: str) -> Arrays:
    shape = (pixels.sizes[split], *pixels.input_shape)
    load, make = partial(load_array, _kept(cache, split), shape, np.float32), partial(_make, pixels, cache)
    return load_or_make(load, make, f"whitened images in {cache}"), pixels.labels(split)


def _make(pixels: Dataset, cache: Path) -> None:
    """Fit the whitening on the training images, and keep both splits whitened."""
    white = whitening.fit(pixels.stored("train")[0])
    for split in pixels.sizes:
        images = pixels.stored(split)[0]
        write_array(_kept(cache, split), images.shape, np.float32, map(white, whitening.chunks(images)))


def _kept(cache: Path, split: str) -> Path:
    return cache / f"{split}.npy"
