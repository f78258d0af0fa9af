"""Kept adversarial examples as the page reads them: arrays, bounded, of numbers alone; nothing is unpickled."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable
from math import prod
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from bench.files import Refused, read_file
from bench.progress import Say, quiet
from bench.report.page.given import Kept

LARGEST = 64_000_000
"""Bytes of a file, and of any array in it once it is unpacked."""
MARK = "[0-9a-f]" * 16
NEEDED = ("index", "adversarial", "predicted")
CONFIDENCES = ("confidence", "clean_confidence")
"""Left out where the target gives none."""


def kept(folders: Iterable[Path], id: str, warn: Say = quiet) -> Kept | None:
    """The examples of a cell from the first folder of results that has them; None where none has, or they are unfit.

    Args:
        folders: of records; the examples lie in `examples/ID.npz`, or in `examples/ID-MARK.npz` with the first 16
            digits of the file's SHA-256 for a mark.
        id: of the cell.
        warn: is told of a file that is left out, and why.
    """
    for folder in folders:
        for path in [folder / "examples" / f"{id}.npz", *sorted((folder / "examples").glob(f"{id}-{MARK}.npz"))]:
            try:
                content = read_file(path, LARGEST)
                if not hashlib.sha256(content).hexdigest().startswith(path.stem.partition("-")[2]):
                    raise ValueError("its SHA-256 is not the one in its name")
                return read(content)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (Refused, OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
                warn(f"ignored {path}: {str(error) or type(error).__name__}")
    return None


def read(content: bytes) -> Kept:
    """The examples in a file's bytes.

    Raises:
        ValueError, KeyError, zipfile.BadZipFile: they are no such arrays, or larger than anybody keeps.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        there = set(archive.namelist())
        wanted = [*NEEDED, *(name for name in CONFIDENCES if f"{name}.npy" in there)]
        found = {name: _array(archive, f"{name}.npy") for name in wanted}
    index, moved = found["index"], found["adversarial"]
    if index.ndim != 1 or moved.ndim < 2 or any(len(values) != len(index) for values in found.values()):
        raise ValueError("its arrays are not of one length")
    if any(values.ndim != 1 for name, values in found.items() if name != "adversarial"):
        raise ValueError("it has a value that is no number an example")
    nothing = np.full(len(index), np.nan, np.float32)
    numbers = (found.get(name, nothing).astype(np.float32) for name in CONFIDENCES)
    return Kept(index.astype(np.int64), moved.astype(np.float32), found["predicted"].astype(np.int64), *numbers)


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[np.generic]:
    """One array, its size known before it is unpacked."""
    member = archive.getinfo(name)
    if member.file_size > LARGEST:
        raise ValueError(f"{name} has more than {LARGEST} bytes")
    file = io.BytesIO(archive.read(member))
    if npy.read_magic(file) != (1, 0):
        raise ValueError(f"{name} is of another version")
    shape, in_columns, kind = npy.read_array_header_1_0(file)
    if kind.kind not in "iuf":
        raise ValueError(f"{name} holds no numbers")
    content = file.read()
    if prod(shape) * kind.itemsize != len(content):
        raise ValueError(f"{name} has other bytes than its shape says")
    return np.frombuffer(content, dtype=kind).reshape(shape, order="F" if in_columns else "C")
