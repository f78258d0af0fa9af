"""The IDX format of MNIST and its relatives: a strict reader, and folders of four such files verified by SHA-256.

Digests are of the *unpacked* content, so that one dataset has one checksum however it was compressed.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import zlib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.datasets.base import Arrays
from bench.errors import UsageError
from bench.files import Refused, read_file, size_text

SPLITS = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
FILES = tuple(name for pair in SPLITS.values() for name in pair)

_GZIP_MAGIC = b"\x1f\x8b"
_UNSIGNED_BYTE = 8
_HEADER = 4 + 4 * 255
"""Bytes of the longest header that there can be."""
LARGEST = 2**30
"""Bytes of a file, packed or not, that is read: the largest relative of MNIST that is published has half of it."""


def parse(content: bytes, dimensions: int, name: str) -> NDArray[np.uint8]:
    """The array of unsigned bytes in an IDX file's content, with exactly so many dimensions.

    The header is two zero bytes, the type, the number of dimensions, then each dimension as a big-endian uint32.
    Raises UsageError, calling the file `name`, where header and length do not agree to the byte.
    """
    header = 4 + 4 * dimensions
    magic = bytes((0, 0, _UNSIGNED_BYTE, dimensions))
    if content[:4] != magic:
        found = content[:4].hex() or "nothing"
        raise UsageError(
            f"{name} is not an IDX file of unsigned bytes in {dimensions} dimension(s): "
            f"it starts with {found}, not {magic.hex()}; give the original file"
        )
    shape = tuple(int.from_bytes(content[start : start + 4], "big") for start in range(4, header, 4))
    expected = header + math.prod(shape)
    if len(content) != expected:
        raise UsageError(
            f"{name} is torn or padded: its header announces {expected} bytes in all, it holds {len(content)}; "
            "get the file again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def unpacked(folder: Path, name: str, missing: str, remedy: str) -> tuple[Path, bytes]:
    """The file of that name in a folder, as it is or else gzipped, and its content, unpacked.

    No more is unpacked than its header announces, and nothing of what announces more than `LARGEST`. Raises UsageError,
    ending in `missing` where there is neither, in `remedy` where it can't be read.
    """
    path = next((path for path in (folder / name, folder / f"{name}.gz") if os.path.isfile(path)), None)
    if path is None:
        raise UsageError(f"no {name} or {name}.gz in {folder}; {missing}")
    try:
        content = read_file(path, LARGEST)
        return path, _unpacked(content, path) if content.startswith(_GZIP_MAGIC) else content
    except Refused as problem:
        raise UsageError(f"{path} {problem}; give a smaller file") from None
    except (OSError, EOFError, zlib.error) as problem:
        raise UsageError(f"cannot read {path}: {problem}; {remedy}") from problem


def _unpacked(content: bytes, path: Path) -> bytes:
    """What a gzipped file unpacks to."""
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        head = file.read(_HEADER)
        announced = _announced(head)
        if announced is None:
            return head
        if announced > LARGEST:
            packed, found, most = map(size_text, (len(content), announced, LARGEST))
            raise Refused(f"has {packed} that announce {found} unpacked, and {most} are the most that is read")
        whole = head + file.read(max(0, announced + 1 - len(head)))
    if len(whole) > announced:
        raise UsageError(f"{path} is torn or padded: its header announces {announced} bytes in all, it unpacks to more")
    return whole


def _announced(head: bytes) -> int | None:
    """Bytes that an IDX file has by its header; None where it is none, of which the reader tells."""
    if head[:3] != bytes((0, 0, _UNSIGNED_BYTE)) or len(head) < 4 + 4 * head[3]:
        return None
    sizes = [int.from_bytes(head[start : start + 4], "big") for start in range(4, 4 + 4 * head[3], 4)]
    return 4 + 4 * len(sizes) + math.prod(sizes)


def digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return sha256(content).hexdigest()


def checksum(digests: Mapping[str, str]) -> str:
    """One SHA-256 for the four files, from the SHA-256 of each one's unpacked content."""
    return digest("".join(f"{digests[name]}  {name}\n" for name in FILES).encode())


def read_split(folder: Path, digests: Mapping[str, str], remedy: str, split: str) -> Arrays:
    """`(N, 1, H, W)` images and `(N,)` labels, both uint8, of a folder whose contents are known by their SHA-256.

    Raises UsageError, ending in `remedy`, where a file is missing, torn or not the one expected, and where images and
    labels differ in number.
    """
    images_name, labels_name = SPLITS[split]
    images = parse(_verified(folder, images_name, digests, remedy), 3, f"{images_name} in {folder}")
    labels = parse(_verified(folder, labels_name, digests, remedy), 1, f"{labels_name} in {folder}")
    if len(images) != len(labels):
        raise UsageError(
            f"{folder}: {len(images)} images in {images_name} but {len(labels)} labels in {labels_name}; "
            "give files that belong together"
        )
    return images[:, np.newaxis], labels


def _verified(folder: Path, name: str, digests: Mapping[str, str], remedy: str) -> bytes:
    path, content = unpacked(folder, name, remedy, remedy)
    found = digest(content)
    if found != digests[name]:
        raise UsageError(f"{path} fails its checksum: expected SHA-256 {digests[name]}, found {found}; {remedy}")
    return content
