"""What datasets find, download and keep on disk."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bench.errors import UsageError
from bench.files import read_file, replace_file, sweep, whole_file


def existing(path: str | Path) -> Path:
    """The folder at a path that a user gave, `~` expanded. Raises UsageError where there is none."""
    if not isinstance(path, str | Path) or not str(path):
        raise UsageError(f"path must name a folder, not {path!r}")
    folder = Path(path).expanduser()
    if not os.path.lexists(folder):
        raise UsageError(f"no folder {folder}; give the path of an existing one")
    if not os.path.isdir(folder):  # unlike Path.is_dir, no exception where a parent is closed to us
        raise UsageError(f"{folder} is not a folder; give the folder that holds the data")
    return folder


def download(dataset: str, name: str, sha256: str, folder: Path, mirrors: Sequence[str], otherwise: str) -> None:
    """Put a dataset's file into the folder unless it is there, verified either way.

    `mirrors` are addresses that the name completes, tried in order. Raises UsageError, proposing what can be done
    `otherwise`, where none of them helps.
    """
    import pooch  # needed once a machine

    problems: list[OSError | ValueError] = []
    for mirror in mirrors:
        try:
            pooch.retrieve(mirror + name, f"sha256:{sha256}", fname=name, path=folder)
            return
        except (OSError, ValueError) as problem:  # no network, no such page, a full disk; another file than expected
            problems.append(problem)
    reasons = "; ".join(f"{mirror} {_reason(problem)}" for mirror, problem in zip(mirrors, problems, strict=True))
    raise UsageError(
        f"cannot download {dataset}'s {name}: connect to the network and run again, or {otherwise} ({reasons})"
    ) from problems[-1]


def _reason(problem: OSError | ValueError) -> str:
    """What went wrong, in short: an error of the network has no number and spells out every layer it came through."""
    if isinstance(problem, OSError) and problem.errno is None:
        return type(problem).__name__
    return " ".join(str(problem).split())


def load_or_make(load: Callable[[], NDArray[Any]], make: Callable[[], object], what: str) -> NDArray[Any]:
    """What `load` reads, after `make` where it is not there yet or damaged; UsageError where it cannot be kept."""
    try:
        return load()
    except (OSError, ValueError):
        try:
            make()
            return load()
        except OSError as problem:
            remedy = "set BENCH_HOME to a folder with room"
            raise UsageError(f"cannot keep {what}: {problem.strerror}; {remedy}") from problem
        except ValueError as problem:
            raise UsageError(f"cannot keep {what}: {problem}; check the disk, or set BENCH_HOME") from problem


def load_array(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """The array in a file, mapped and not read, so that memory stays flat, once it is what its checksum says.

    Raises OSError where there is no such file or checksum, ValueError where it is torn, changed, or of another kind.
    """
    stated = read_file(_digest_file(path), 64).decode("ascii", "replace")
    if not path.is_file():  # a pipe would wait for somebody to write
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    if array.shape != shape or array.dtype != dtype:
        raise ValueError(f"{path} holds {array.dtype} {array.shape}, not {np.dtype(dtype)} {shape}")
    if sha256(array.data).hexdigest() != stated:
        raise ValueError(f"{path} is not as it was written")
    return array


def write_array(path: Path, shape: tuple[int, ...], dtype: DTypeLike, parts: Iterable[NDArray[Any]]) -> None:
    """Write an array part by part, whole or not at all, and the SHA-256 of its values' bytes beside it. Raises OSError.

    What dead runs left half written there is removed.
    """
    sweep(path.parent)
    digest = sha256()
    with whole_file(path) as out:
        descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
        np.lib.format.write_array_header_1_0(out, {"descr": descr, "fortran_order": False, "shape": shape})
        for part in parts:
            content = part.astype(dtype, copy=False).tobytes()
            digest.update(content)
            out.write(content)
    replace_file(_digest_file(path), digest.hexdigest().encode())


def _digest_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
