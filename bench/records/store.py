"""The folder of records: results, cache and means of resuming in one.

Whoever runs writes; every file appears whole or not at all, and a good record is never changed.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from bench.errors import UsageError
from bench.files import create_file, replace_file
from bench.progress import Say, quiet
from bench.records.part import Part, read_part
from bench.records.record import SCHEMA, Failure, Record, read_record

Published = Literal["new", "same", "different"]


class Store:
    """Records in `cells/ID.json`, failures in `failures/ID.json`, unusable files in `set-aside/`.

    `parts/` holds what is known of cells that are not whole yet, by any number of runs at once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    # -- reading ------------------------------------------------------------------------------------------------------

    def records(self, warn: Say = quiet) -> dict[str, Record]:
        """All usable records by id. An unusable one is left alone and told of in a line."""
        found: dict[str, Record] = {}
        for path in _files(self.folder / "cells"):
            record = _read_record(path, warn)
            if record is not None:
                found[record.id] = record
        return found

    def failures(self, warn: Say = quiet) -> dict[str, Failure]:
        """All usable failures by id."""
        found: dict[str, Failure] = {}
        for path in _files(self.folder / "failures"):
            failure = self.failure(path.stem, warn)
            if failure is not None:
                found[failure.id] = failure
        return found

    def record(self, id: str, warn: Say = quiet) -> Record | None:
        """One usable record, or None with a line that says what is wrong with its file."""
        return _read_record(self.path(id), warn)

    def has(self, id: str) -> bool:
        """Whether a cell has a record or a failure, usable or not."""
        return any((self.folder / kind / f"{id}.json").exists() for kind in ("cells", "failures"))

    def ids(self, kind: Literal["cells", "failures"], start: str) -> list[str]:
        """Ids of the files of a kind that begin so; none of them is read."""
        return [path.stem for path in _files(self.folder / kind) if path.name.startswith(start)]

    def failure(self, id: str, warn: Say = quiet) -> Failure | None:
        """One usable failure, or None with a line that says what is wrong with its file."""
        path = self.folder / "failures" / f"{id}.json"
        try:
            return Failure.model_validate_json(path.read_bytes())
        except (ValidationError, OSError):
            warn(f"ignored {path}: no failure record")
            return None

    def parts(self, warn: Say) -> list[Part]:
        """All usable parts. One that is not is told of, and made again."""
        found = []
        for path in _files(self.folder / "parts"):
            try:
                found.append(read_part(path.read_bytes()))
            except FileNotFoundError:  # another run has joined it
                continue
            except (ValueError, RecursionError, OSError) as error:
                warn(f"ignored {path}: {str(error).splitlines()[0]}")
        return found

    # -- writing ------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the folders, and remove parts that a run killed at its end left behind.

        Raises:
            UsageError: they cannot be made or written.
        """
        try:
            for name in ("cells", "failures", "parts"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
                probe = self.folder / name / f".probe-{os.getpid()}"
                probe.touch()
                probe.unlink()
        except OSError as error:
            raise UsageError(f"cannot write into {self.folder} ({error.strerror}); choose another with --out") from None
        self.sweep(self.parts(quiet))

    def path(self, id: str) -> Path:
        """Where the record of a cell stands, or would."""
        return self.folder / "cells" / f"{id}.json"

    def publish(self, record: Record, warn: Say = quiet, text: str | None = None) -> Published:
        """Add a record unless its cell has one; never changes what is there.

        The file appears whole or not at all: written aside, flushed to the disk, then linked to its name, which fails
        where the name is taken. Returns whether the record is new, the same as the one there, or different from it.

        Args:
            record: to add.
            warn: told in a line of an unusable file in its place, which is set aside.
            text: of another copy's file, to be kept byte for byte.
        """
        path = self.path(record.id)
        outcome: Published = "new"
        while not create_file(path, (text or record.json_text()).encode("ascii")):
            present = _read_record(path)
            if present is not None:
                outcome = "same" if present.same_as(record) else "different"
                break
            with contextlib.suppress(FileNotFoundError):  # another process was quicker
                warn(f"set aside an unusable record as {self._set_aside(path)}")
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "failures" / path.name).unlink()
        return outcome

    def replace(self, id: str, text: str) -> None:
        """Put another copy of a record, with the same cell and result, in place of the one there."""
        replace_file(self.path(id), text.encode("ascii"))

    def publish_failure(self, failure: Failure) -> None:
        """Put a failure in place of any earlier one of its cell."""
        path = self.folder / "failures" / f"{failure.id}.json"
        replace_file(path, failure.json_text().encode("ascii"))

    def publish_part(self, part: Part) -> None:
        """Keep a part until its cells are whole."""
        path = self.folder / "parts" / part.name
        replace_file(path, part.json_text().encode("ascii"))

    def sweep(self, parts: Iterable[Part]) -> None:
        """Remove those of these parts whose cells have all got their records, or failures that came after them."""
        for part in parts:
            if all(self._done_with(item.cell.id, part.run.finished) for item in part.cells):
                (self.folder / "parts" / part.name).unlink(missing_ok=True)

    def _done_with(self, id: str, made: str) -> bool:
        """Whether nobody needs what was made of a cell at a time: a failure before it is one that is tried again."""
        failure = self.failure(id) if self.ids("failures", id) else None
        return self.path(id).exists() or (failure is not None and failure.run.finished >= made)

    def _set_aside(self, path: Path) -> Path:
        folder = self.folder / "set-aside"
        folder.mkdir(exist_ok=True)
        for number in itertools.count():
            aside = folder / f"{path.name}.{number}"
            if not aside.exists():
                os.replace(path, aside)
                return aside
        raise AssertionError("unreachable")


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*.json")) if not path.name.startswith("."))


def _read_record(path: Path, warn: Say = quiet) -> Record | None:
    """The record in a file, or None with a line that says what is wrong with it."""
    try:
        record = _parsed(path.read_bytes())
    except OSError as error:
        warn(f"ignored {path}: {error.strerror}")
    except (ValueError, RecursionError) as error:
        warn(f"ignored {path}: {_what_is_wrong(path, error)}")
    else:
        if record.id == record.cell.id == path.stem:
            return record
        warn(f"ignored {path}: its name, its id and its cell do not belong together")
    return None


@lru_cache(maxsize=10_000)
def _parsed(content: bytes) -> Record:
    """What a file says. One run reads the folder several times, to plan and to show, and checking takes long."""
    return read_record(content)


def _what_is_wrong(path: Path, error: Exception) -> str:
    try:
        schema = json.loads(path.read_bytes()).get("schema")
    except (ValueError, AttributeError, RecursionError):
        return "torn or no JSON"
    if isinstance(schema, int) and schema > SCHEMA:
        return f"schema {schema} is newer than this program reads ({SCHEMA}); upgrade potemkin-bench"
    return "no record of this schema" if isinstance(error, ValidationError) else str(error)
