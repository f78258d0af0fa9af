"""Which suites were run into a folder, each kept as its text: a suite of the user's own has a board there without its
file, and no board is shown of a suite that only shares some cells with them.

A note a suite, replaced whole by whoever runs it next. The text is data with its digest: it is parsed as any suite file
is, and one that is torn, foreign or of another digest counts for nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from bench.records.cell import Name
from bench.records.notes import At, Note, keep, now, read, usable, writing
from bench.records.store import Store

FOLDER = "suites"
CAP = 300_000
"""Bytes; more are no note of ours."""


class Ran(Note):
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
    at: At
    """When it was run last."""

    @property
    def subject(self) -> str:
        return f"{self.suite} {self.version}"

    @model_validator(mode="after")
    def _is_of_its_digest(self) -> Self:
        if self.sha256 != _sha256(self.text):
            raise ValueError("the text has another digest")
        return self


def note(store: Store, suite: str, version: int, text: str, dataset: str, models: Iterable[str] = ()) -> None:
    """Keep that a suite is run now, on the dataset of a checksum; models that earlier runs of it named stay named.

    Raises:
        UsageError: that cannot be written.
    """
    folder = store.folder / FOLDER
    ran = Ran(suite=suite, version=version, text=text, sha256=_sha256(text), dataset=dataset, at=now())
    before = read(folder / ran.file, Ran, CAP)
    with writing(folder):
        keep(folder, ran.model_copy(update={"models": _together(before.models if before else (), models)}))


def notes(store: Store) -> Iterator[Ran]:
    """All usable notes of a folder."""
    yield from usable(store.folder / FOLDER, Ran, CAP)


def unite(into: Store, sources: Iterable[Store]) -> None:
    """Bring the notes of other folders into one: of each suite the last, with the models that any of them names."""
    folder = into.folder / FOLDER
    for source in sources:
        for theirs in notes(source):
            ours = read(folder / theirs.file, Ran, CAP)
            last = theirs if ours is None or (ours.at, ours.sha256) < (theirs.at, theirs.sha256) else ours
            models = _together(ours.models if ours else (), theirs.models)
            keep(folder, last.model_copy(update={"models": models}))


def _together(*groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name for group in groups for name in group}))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
