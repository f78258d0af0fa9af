"""Which suites were run into a folder, each kept as its text: a suite of the user's own has a board there without its
file, and no board is shown of a suite that only shares some cells with them.

A note a suite, replaced whole by whoever runs it next. The text is data with its digest: it is parsed as any suite file
is, and one that is torn, foreign or of another digest counts for nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from bench.errors import UsageError
from bench.files import replace_file
from bench.records.cell import Block, Name
from bench.records.store import Store

FOLDER = "suites"
CAP = 300_000
"""Bytes; more are no note of ours."""


class Ran(Block):
    """A suite that was run."""

    suite: Name
    version: int
    text: str
    """The suite itself, as JSON."""
    sha256: str
    """Of the text."""
    dataset: Name
    """Checksum."""
    models: Annotated[tuple[Name, ...], Field(max_length=1000)] = ()
    """Asked for by name, beyond the suite's own."""
    at: str = Field(pattern=r"^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$")
    """When it was run last, as records tell when they were finished."""

    @property
    def file(self) -> str:
        """A file name that no other suite has."""
        digest = hashlib.sha256(f"{self.suite} {self.version}".encode()).hexdigest()
        return f"{digest[:32]}.json"


def note(store: Store, suite: str, version: int, text: str, dataset: str, models: Iterable[str] = ()) -> None:
    """Keep that a suite is run now, on the dataset of a checksum; models that earlier runs of it named stay named.

    Raises:
        UsageError: that cannot be written.
    """
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    ran = Ran(suite=suite, version=version, text=text, sha256=_sha256(text), dataset=dataset, at=at)
    before = _read(store.folder / FOLDER / ran.file)
    try:
        _keep(store, ran.model_copy(update={"models": _together(before.models if before else (), models)}))
    except OSError as error:
        folder = store.folder / FOLDER
        raise UsageError(f"cannot write into {folder} ({error.strerror}); choose another with --out") from None


def notes(store: Store) -> Iterator[Ran]:
    """All usable notes of a folder."""
    for path in sorted((store.folder / FOLDER).glob("*.json")):
        found = _read(path)
        if found is not None and found.file == path.name:
            yield found


def unite(into: Store, sources: Iterable[Store]) -> None:
    """Bring the notes of other folders into one: of each suite the last, with the models that any of them names."""
    for source in sources:
        for theirs in notes(source):
            ours = _read(into.folder / FOLDER / theirs.file)
            last = theirs if ours is None or (ours.at, ours.sha256) < (theirs.at, theirs.sha256) else ours
            models = _together(ours.models if ours else (), theirs.models)
            _keep(into, last.model_copy(update={"models": models}))


def _together(*groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name for group in groups for name in group}))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _keep(store: Store, ran: Ran) -> None:
    replace_file(store.folder / FOLDER / ran.file, (ran.model_dump_json(indent=1) + "\n").encode())


def _read(path: Path) -> Ran | None:
    with contextlib.suppress(OSError, ValidationError, UnicodeError):
        if path.is_file() and path.stat().st_size <= CAP:
            found = Ran.model_validate_json(path.read_bytes())
            return found if found.sha256 == _sha256(found.text) else None
    return None
