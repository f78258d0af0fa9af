"""What `bench verify` found of records: a note beside each, bound to the very record by its SHA-256.

A note is the word of whoever keeps the folder. So `bench merge` and `bench export` leave notes behind, and a folder
that was received is verified anew.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from bench.errors import UsageError
from bench.files import Refused, read_file, replace_file
from bench.records.cell import Block, Text
from bench.records.store import Store

FOLDER = "verdicts"
CAP = 100_000
"""Bytes; more are no note of ours."""
Level = Literal["wrong", "self-reported", "other version", "arithmetic checked", "re-verified"]
LEVELS: tuple[Level, ...] = ("wrong", "self-reported", "other version", "arithmetic checked", "re-verified")
"""From the least to the most. `other version`: arithmetic checked, and the model at hand is another version of the one
that was judged, so that its labels say nothing of the record."""


class Verdict(Block):
    """Of one record."""

    id: str = Field(pattern="^[0-9a-f]{32}$")
    file: str = Field(pattern="^[0-9a-f]{64}$")
    """SHA-256 of the record's file."""
    level: Level
    problems: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    notes: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    """What could not be looked into, and what else there is to know."""
    examples: int = 0
    """Adversarial inputs that were looked at."""
    at: str = Field(max_length=40)
    """When, UTC."""
    version: str = Field(max_length=100)
    """Of the program."""


def keep(store: Store, verdict: Verdict) -> None:
    """Put a note in place of any earlier one of its record.

    Raises:
        DiskError: it cannot be written.
        UsageError: the folder of notes is a link: in a folder that was received it would lead anywhere.
    """
    folder = store.folder / FOLDER
    if folder.is_symlink():
        raise UsageError(f"{folder} is a link, and nothing is written where it leads; remove it, or give --no-note")
    replace_file(_path(store, verdict.id), (verdict.model_dump_json(indent=1) + "\n").encode())


def levels(stores: Iterable[Store], ids: Iterable[str]) -> dict[str, Level]:
    """The levels of records, by id, of those that have a note that is theirs; the first store that has a record
    speaks for it."""
    found: dict[str, Level] = {}
    places = list(stores)
    noted = [store for store in places if (store.folder / FOLDER).is_dir()]
    if not noted:
        return found
    for id in ids:
        store = next((store for store in places if store.path(id).exists()), None)
        if store is not None and (verdict := read(store, id)) is not None:
            found[id] = verdict.level
    return found


def read(store: Store, id: str) -> Verdict | None:
    """The note on a record; None where there is none, or it is on another copy of it."""
    with contextlib.suppress(OSError, ValueError, ValidationError, Refused):
        verdict = Verdict.model_validate_json(read_file(_path(store, id), CAP))
        if verdict.id == id and verdict.file == hashlib.sha256(store.content(id)).hexdigest():
            return verdict
    return None


def least(found: Iterable[Level]) -> Level:
    """The level of several records together."""
    return min(found, key=LEVELS.index, default="self-reported")


def _path(store: Store, id: str) -> Path:
    return store.folder / FOLDER / f"{id}.json"
