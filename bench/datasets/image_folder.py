"""Any folder of PNG or JPEG images by class: `train/<class>/*.png`, `test/<class>/*.png`."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from bench.datasets.base import Arrays, Dataset
from bench.datasets.files import existing, load_array, load_or_make, write_array
from bench.errors import UsageError
from bench.files import Refused, read_file, size_text
from bench.home import home

LARGEST = 64_000_000
"""Bytes of an image file that is read."""
PIXELS = 2**24
"""Of an image that is decoded: 4,096 x 4,096."""
FILES = 5_000_000
"""Images of a split."""
DECODED = 2**40
"""Bytes of a split's pixels that are kept."""
SUFFIXES = (".jpeg", ".jpg", ".png")
CHANNELS = {"L": 1, "RGB": 3}
"""By Pillow's name of the pixels' kind."""


@dataclass(frozen=True)
class _Split:
    """The images of a split, class by class."""

    files: tuple[str, ...]
    """Names relative to the dataset's folder, with forward slashes."""
    labels: NDArray[np.int64]
    digest: str
    """SHA-256 over names and bytes."""


def image_folder(path: str | Path, note: str = "") -> Dataset:
    """The images in the folder at `path`, grey `(1, H, W)` or RGB `(3, H, W)`, all of one size, in [0, 1].

    Classes are the folders' names, sorted; hidden files and those without an image's suffix are passed over. The
    checksum is over every image's relative name and bytes, read here; pixels are decoded at first use and kept in the
    cache folder. `note` is shown beside results. Raises UsageError, here or at first use, for a folder that is not so.
    """
    root = existing(path)
    if not isinstance(note, str):
        raise UsageError(f"note must be text, not {note!r}")
    listings = {split: _listing(root, split) for split in ("train", "test")}
    classes = tuple(listings["train"])
    for name in sorted(set(classes) ^ set(listings["test"])):
        lacking = "test" if name in classes else "train"
        raise UsageError(f"{root}: class {name!r} is not in {lacking}/; give every class a folder in both")
    if len(classes) < 2:
        raise UsageError(f"{root}: the only class is {classes[0]!r}; give two or more")
    splits = {split: _split(root, listing) for split, listing in listings.items()}
    checksum = sha256("".join(split.digest for split in splits.values()).encode()).hexdigest()
    first = root / splits["train"].files[0]
    shape = _pixels(_content(first), first).shape
    for name, split in splits.items():
        if (size := len(split.files) * math.prod(shape)) > DECODED:
            most = size_text(DECODED)
            raise UsageError(f"{root / name} decodes to {size_text(size)}, and {most} are the most that is kept")
    return Dataset(
        name="image-folder",
        input_shape=shape,
        classes=classes,
        sizes={name: len(split.files) for name, split in splits.items()},
        checksum=checksum,
        read=partial(_read, root, splits, shape, home() / "datasets" / checksum),
        divisor=255.0,
        note=note,
    )


def _listing(root: Path, split: str) -> dict[str, list[str]]:
    """The image files of each class of a split, all sorted, so that examples come in the same order everywhere."""
    folder = root / split
    if not os.path.isdir(folder):
        raise UsageError(f"{root} has no folder {split}/; give one that holds train/<class>/ and test/<class>/")
    try:
        with os.scandir(folder) as entries:
            classes = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
        listing = {name: _images(folder, name) for name in classes}
    except OSError as problem:
        raise UsageError(f"cannot list {problem.filename}: {problem.strerror}; make it readable") from problem
    if not listing:
        raise UsageError(f"{folder} holds no class; give it a folder of images for each")
    if (count := sum(map(len, listing.values()))) > FILES:
        raise UsageError(f"{folder} holds {count:,} images, and {FILES:,} are the most that is read; give fewer")
    for name, files in listing.items():
        if not files:
            suffixes = ", ".join(SUFFIXES)
            raise UsageError(f"class {name!r} in {folder} has no {suffixes} file; fill the folder or remove it")
    return listing


def _images(folder: Path, name: str) -> list[str]:
    with os.scandir(folder / name) as entries:
        files = [entry.name for entry in entries if entry.name.lower().endswith(SUFFIXES) and entry.is_file()]
    return [f"{folder.name}/{name}/{file}" for file in sorted(files) if not file.startswith(".")]


def _split(root: Path, listing: Mapping[str, list[str]]) -> _Split:
    files = tuple(file for of_class in listing.values() for file in of_class)
    labels = np.repeat(np.arange(len(listing)), [len(of_class) for of_class in listing.values()])
    digest = sha256()
    for _, _, identity in _contents(root, files):
        digest.update(identity)
    return _Split(files, labels, digest.hexdigest())


def _contents(root: Path, files: tuple[str, ...]) -> Iterator[tuple[str, bytes, bytes]]:
    """Each file, its bytes, and what it adds to its split's digest.

    That is two hashes of fixed length, so that no two folders are taken for one.
    """
    for file in files:
        content = _content(root / file)
        yield file, content, sha256(os.fsencode(file)).digest() + sha256(content).digest()


def _content(path: Path) -> bytes:
    try:
        return read_file(path, LARGEST)
    except Refused as problem:
        raise UsageError(f"{path} {problem}; replace or remove it") from None
    except OSError as problem:
        raise UsageError(f"cannot read {path}: {problem.strerror}; mend or remove it") from problem


def _pixels(content: bytes, path: Path) -> NDArray[np.uint8]:
    """`(C, H, W)` uint8 of one image. Raises UsageError for what is not a sound grey or RGB image of 8 bits.

    Nothing is decoded of an image of more than `PIXELS`, however small its file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # ours is the lower cap
            image = Image.open(BytesIO(content), formats=("PNG", "JPEG"))
        with image:
            if math.prod(image.size) > PIXELS:
                raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels")
            mode, pixels = image.mode, np.asarray(image)
    except Image.DecompressionBombError as problem:
        held = f"{path} ({size_text(len(content))}) is too large an image: {problem}"
        raise UsageError(
            f"{held}; {PIXELS:,} pixels are the most that is decoded; scale it down or remove it"
        ) from None
    except Exception as problem:
        raise UsageError(f"cannot decode {path}: not a sound PNG or JPEG; replace or remove it") from problem
    if mode not in CHANNELS:
        raise UsageError(f"{path} has pixels of kind {mode}; convert it to 8-bit grey (L) or RGB")
    return pixels.reshape(*pixels.shape[:2], CHANNELS[mode]).transpose(2, 0, 1)


def _read(root: Path, splits: Mapping[str, _Split], shape: tuple[int, ...], cache: Path, name: str) -> Arrays:
    split = splits[name]
    # Decoders may differ by a grey level in a JPEG, hence Pillow's version.
    decoded = cache / f"{name}-pillow-{PIL.__version__}.npy"
    array = decoded, (len(split.files), *shape), np.uint8
    images = load_or_make(
        lambda: load_array(*array),
        lambda: write_array(*array, _decoded(root, split, shape)),
        f"decoded images in {decoded}",
    )
    return images, split.labels


def _decoded(root: Path, split: _Split, shape: tuple[int, ...]) -> Iterator[NDArray[np.uint8]]:
    """The pixels of the split, one image at a time.

    Raises UsageError for an image that is unsound or not of the expected shape, and where the folder has changed.
    """
    digest = sha256()
    for file, content, identity in _contents(root, split.files):
        digest.update(identity)
        pixels = _pixels(content, root / file)
        if pixels.shape != shape:
            raise UsageError(
                f"{root / file} is {pixels.shape} (channels, height, width), but the folder's first image "
                f"is {shape}; give all images one size and kind"
            )
        yield pixels
    if digest.hexdigest() != split.digest:
        raise UsageError(f"{root} changed while it was read; leave it alone and run again")
