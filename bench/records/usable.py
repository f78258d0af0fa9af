"""Files of a folder of results, read as what they should be, or a reason in a line why they cannot be used."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from bench.errors import UsageError
from bench.files import Refused, read_file
from bench.records import listing
from bench.records.plain import read_json
from bench.records.record import LARGEST, SCHEMA, Failure, Record, read_failure, read_record


class Unusable(ValueError):
    """What is wrong with a file, in a line that goes on after its name."""


class Missing(Unusable):
    """It is not there, or no longer."""


def files(folder: Path) -> list[Path]:
    """Files of a kind, by name; hidden ones are somebody's unfinished work.

    Raises:
        UsageError: the folder cannot be listed. Taken for empty, all that is in it would be made again.
    """
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UsageError(
            f"cannot list {folder}: {error.strerror}; make it readable, or choose another folder"
        ) from None
    return [folder / name for name in names if name.endswith(".json") and not name.startswith(".")]


def content(path: Path, cap: int) -> bytes:
    """The bytes of a file.

    Raises:
        Missing: it is not there.
        Unusable: it cannot be read.
    """
    try:
        return read_file(path, cap)
    except FileNotFoundError as error:
        if path.is_symlink():
            raise Unusable("is a link to nothing") from None
        raise Missing(error.strerror) from None
    except OSError as error:
        raise Unusable(error.strerror or type(error).__name__) from None
    except Refused as error:
        raise Unusable(str(error)) from None


def record(path: Path, folder: Path, id: str | None = None) -> Record:
    """The record in a file of a folder of results; `id` is its cell's, where the file's name does not tell.

    Raises:
        Unusable: it is none, or not the one that was written.
    """
    given = content(path, LARGEST)
    try:
        found = _parsed(given)
    except Exception as error:  # noqa: BLE001 - whatever a hostile file provokes, the file is at fault
        raise Unusable(_newer(given) or reason(error)) from None
    if found.id != (id or path.stem):
        raise Unusable("its name, its id and its cell do not belong together")
    if found.schema_version == 1 and not listing.bears_out(listing.listed(folder), found.id, given):
        raise Unusable(f"its SHA-256 is not that in {folder / listing.NAME}")
    return found


def failure(path: Path) -> Failure:
    """The failure in a file.

    Raises:
        Unusable: it is none.
    """
    given = content(path, LARGEST)
    try:
        found = read_failure(given)
    except Exception as error:  # noqa: BLE001 - whatever a hostile file provokes, the file is at fault
        raise Unusable(reason(error)) from None
    if found.id != path.stem:
        raise Unusable("its name and its id do not belong together")
    return found


def reason(error: Exception) -> str:
    """What is wrong, in a line, of whatever reading a file raised."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])[:60]
        message = first["msg"].removeprefix("Value error, ")
        return f"no record of this schema ({place}{': ' if place else ''}{message})"
    if isinstance(error, (json.JSONDecodeError, UnicodeDecodeError)):
        return "torn or no JSON"
    return (str(error).splitlines() or [type(error).__name__])[0]


@lru_cache(maxsize=10_000)
def _parsed(given: bytes) -> Record:
    """What a file says. One run reads the folder several times, to plan and to show, and checking takes long."""
    return read_record(given)


def _newer(given: bytes) -> str | None:
    """What is to be done about a file of a newer schema; None where it is of none."""
    try:
        schema = read_json(given).get("schema")
    except ValueError:
        return None
    if isinstance(schema, int) and schema > SCHEMA:
        return f"schema {str(schema)[:20]} is newer than this program reads ({SCHEMA}); upgrade potemkin-bench"
    return None
