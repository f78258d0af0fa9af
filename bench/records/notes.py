"""Small notes beside the records, a file each, replaced whole: one that is torn or foreign counts for nothing."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, ValidationError

from bench.errors import UsageError
from bench.files import replace_file
from bench.records.cell import Block

At = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$")]
"""A moment, as records tell when they were finished."""
N = TypeVar("N", bound="Note")


class Note(Block):
    """What is kept of something, told apart by its subject."""

    @property
    def subject(self) -> str:
        """What no other note of its kind is about."""
        raise NotImplementedError

    @property
    def file(self) -> str:
        """A file name that no other subject has, whatever is in it."""
        return f"{hashlib.sha256(self.subject.encode()).hexdigest()[:32]}.json"


def now() -> str:
    """This moment."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def keep(folder: Path, note: Note) -> None:
    """Write a note, in the place of an older one."""
    replace_file(folder / note.file, (note.model_dump_json(indent=1) + "\n").encode())


def read(path: Path, kind: type[N], cap: int) -> N | None:
    """The note in a file of so many bytes at most, or None."""
    with contextlib.suppress(OSError, ValidationError, UnicodeError):
        if path.is_file() and path.stat().st_size <= cap:
            return kind.model_validate_json(path.read_bytes())
    return None


def usable(folder: Path, kind: type[N], cap: int) -> Iterator[N]:
    """All notes of a folder that stand under their own names."""
    for path in sorted(folder.glob("*.json")):
        found = read(path, kind, cap)
        if found is not None and found.file == path.name:
            yield found


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Within, notes are written.

    Raises:
        UsageError: they cannot be.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write into {folder} ({error.strerror}); choose another with --out") from None
