"""Files that appear whole or not at all, whatever ends the program meanwhile."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path, *, new: bool = False) -> Iterator[BinaryIO]:
    """A file to write into that takes the name `path` at the block's end; nothing is left of it where that fails.

    The folder is made. With `new`, a name that is taken stays, and FileExistsError is raised.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: of two writers at once each has one, and a killed one's may be a second name of a linked file.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        (os.link if new else os.replace)(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in place of any that is there, in one step."""
    with whole_file(path) as file:
        file.write(content)


def create_file(path: Path, content: bytes) -> bool:
    """Write a file unless its name is taken, which says the result; once true, the name outlives a power cut."""
    try:
        with whole_file(path, new=True) as file:
            file.write(content)
    except FileExistsError:
        return False
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return True
