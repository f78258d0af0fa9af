"""Which version of a model was asked for, and when: small notes beside the records, one a model and dataset.

Records tell when a version was judged, not when it was asked for again with nothing left to do. A note is replaced
whole by whoever asks next, so runs at the same time lose none; one that is torn or foreign counts for nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field, ValidationError

from bench.errors import UsageError
from bench.files import replace_file
from bench.records.cell import Block, ModelInfo
from bench.records.store import Store

FOLDER = "asked"
CAP = 10_000
"""Bytes; more are no note of ours."""


class Asked(Block):
    """A version of a model that a run asked for."""

    dataset: str
    """Checksum."""
    name: str
    fingerprint: str
    at: str = Field(pattern=r"^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$")
    """When, as records tell when they were finished."""

    @property
    def file(self) -> str:
        """A file name that no other model has, whatever its own name is."""
        digest = hashlib.sha256(f"{self.dataset} {self.name}".encode()).hexdigest()
        return f"{digest[:32]}.json"


def note(store: Store, dataset: str, models: Iterable[ModelInfo]) -> None:
    """Keep that these versions of models are asked for now, on the dataset of a checksum.

    Raises:
        UsageError: that cannot be written.
    """
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    try:
        for model in models:
            _keep(store, Asked(dataset=dataset, name=model.name, fingerprint=model.fingerprint, at=at))
    except OSError as error:
        folder = store.folder / FOLDER
        raise UsageError(f"cannot write into {folder} ({error.strerror}); choose another with --out") from None


def notes(store: Store) -> Iterator[Asked]:
    """All usable notes of a folder."""
    for path in sorted((store.folder / FOLDER).glob("*.json")):
        found = _read(path)
        if found is not None and found.file == path.name:
            yield found


def unite(into: Store, sources: Iterable[Store]) -> None:
    """Bring the notes of other folders into one: of each model the last."""
    for source in sources:
        for theirs in notes(source):
            ours = _read(into.folder / FOLDER / theirs.file)
            if ours is None or (ours.at, ours.fingerprint) < (theirs.at, theirs.fingerprint):
                _keep(into, theirs)


def _keep(store: Store, asked: Asked) -> None:
    replace_file(store.folder / FOLDER / asked.file, (asked.model_dump_json(indent=1) + "\n").encode())


def _read(path: Path) -> Asked | None:
    with contextlib.suppress(OSError, ValidationError):
        if path.is_file() and path.stat().st_size <= CAP:
            return Asked.model_validate_json(path.read_bytes())
    return None
