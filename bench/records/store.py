"""The folder of records: results, cache and means of resuming in one."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from bench.errors import UsageError
from bench.files import create_file, replace_file
from bench.progress import Say, quiet
from bench.records.record import SCHEMA, Failure, Record

Published = Literal["new", "same", "different"]
Warn = Say


class Store:
    """Records in `cells/ID.json`, failures in `failures/ID.json`, unusable files in `set-aside/`."""

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
            try:
                failure = Failure.model_validate_json(path.read_bytes())
            except (ValidationError, OSError):
                warn(f"ignored {path}: no failure record")
                continue
            found[failure.id] = failure
        return found

    def record(self, id: str) -> Record | None:
        """One usable record, or None."""
        return _read_record(self.folder / "cells" / f"{id}.json")

    # -- writing ------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the folders.

        Raises:
            UsageError: they cannot be made or written.
        """
        try:
            for name in ("cells", "failures"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
                probe = self.folder / name / f".probe-{os.getpid()}"
                probe.touch()
                probe.unlink()
        except OSError as error:
            raise UsageError(f"cannot write into {self.folder} ({error.strerror}); choose another with --out") from None

    def publish(self, record: Record, warn: Say = quiet) -> Published:
        """Add a record unless its cell has one; never changes what is there.

        The file appears whole or not at all: written aside, flushed to the disk, then linked to its name, which fails
        where the name is taken. Returns whether the record is new, the same as the one there, or different from it.
        """
        path = self.folder / "cells" / f"{record.id}.json"
        outcome: Published = "new"
        while not create_file(path, record.json_text().encode("ascii")):
            present = _read_record(path)
            if present is not None:
                outcome = "same" if present.same_as(record) else "different"
                break
            with contextlib.suppress(FileNotFoundError):  # another process was quicker
                warn(f"set aside an unusable record as {self._set_aside(path)}")
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "failures" / path.name).unlink()
        return outcome

    def publish_failure(self, failure: Failure) -> None:
        """Put a failure in place of any earlier one of its cell."""
        path = self.folder / "failures" / f"{failure.id}.json"
        replace_file(path, failure.json_text().encode("ascii"))

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
    except (ValidationError, RecursionError):
        warn(f"ignored {path}: {_what_is_wrong(path)}")
    else:
        if record.id == record.cell.id == path.stem:
            return record
        warn(f"ignored {path}: its name, its id and its cell do not belong together")
    return None


@lru_cache(maxsize=10_000)
def _parsed(content: bytes) -> Record:
    """What a file says. One run reads the folder several times, to plan and to show, and checking takes long."""
    return Record.model_validate_json(content)


def _what_is_wrong(path: Path) -> str:
    try:
        schema = json.loads(path.read_bytes()).get("schema")
    except (ValueError, AttributeError, RecursionError):
        return "torn or no JSON"
    if isinstance(schema, int) and schema > SCHEMA:
        return f"schema {schema} is newer than this program reads ({SCHEMA}); upgrade potemkin-bench"
    return "no record of this schema"
