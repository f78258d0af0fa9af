"""Moving aside what stands in a record's place and is none, so that nothing of it is ever lost.

It goes by a hidden name, since between looking at it and moving it away another run may have put a good record in its
place, which is put back. Whoever is killed on the way leaves it under that name; the next run takes it from there.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

from bench.errors import DiskError
from bench.files import left_behind, move_new, temporary
from bench.progress import Say
from bench.records import usable
from bench.records.usable import Unusable

FOLDER = "set-aside"
"""What stands there was somebody's record, hidden or not: nothing is ever removed but second names."""


def set_aside(records: Path, path: Path, warn: Say) -> None:
    """Move an unusable file away, under a name that nothing has. What another run has mended meanwhile is put back.

    Args:
        records: folder of results.
        path: of a record in it.
        warn: told in a line where it stands now.

    Raises:
        DiskError: it cannot be moved.
    """
    half = temporary(records / FOLDER / path.name)
    try:
        half.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another process was quicker
            path.rename(half)
            _settle(records, half, path, warn)
    except OSError as error:
        raise DiskError(error.errno, f"what stands there cannot be moved aside: {error.strerror}", path) from error


def resume(records: Path, warn: Say) -> None:
    """Bring to their ends the moves in a folder of results that were begun by processes that live no more."""
    for half, name in left_behind(records / FOLDER):
        ours = temporary(half.with_name(name))
        with contextlib.suppress(OSError):  # of two that resume one move, one has it
            half.rename(ours)
            _settle(records, ours, records / "cells" / name, warn)


def _settle(records: Path, half: Path, path: Path, warn: Say) -> None:
    """Give what was moved away its place: its old one where it is a record, and that is free; or one of its own."""
    if half.is_file() and not half.is_symlink() and _has_another_name(half, path):
        half.unlink()
        return
    with contextlib.suppress(Unusable, FileExistsError):
        usable.record(half, records, path.stem)
        move_new(half, path)
        half.unlink(missing_ok=True)
        return
    for number in itertools.count():
        aside = half.parent / f"{path.name}.{number}"
        if not os.path.lexists(aside):
            with contextlib.suppress(FileExistsError):
                _named_anew(half, aside)
                warn(f"set aside an unusable record as {aside}")
                return


def _has_another_name(half: Path, path: Path) -> bool:
    """Whether whoever moved it was killed after giving it its place, and before taking the hidden name away."""
    places = [path, *half.parent.glob(f"{path.name}.*")]
    with contextlib.suppress(FileNotFoundError):
        return half.lstat().st_nlink > 1 and any(
            place.is_file() and not place.is_symlink() and place.samefile(half) for place in places
        )
    return False


def _named_anew(half: Path, aside: Path) -> None:
    """Rename, without overwriting, whatever it is that was moved."""
    if half.is_file() and not half.is_symlink():
        move_new(half, aside)
        half.unlink(missing_ok=True)
    else:  # a folder, a pipe: no second name, and nothing that anyone would miss
        half.rename(aside)
