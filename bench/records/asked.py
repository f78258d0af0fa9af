"""Which version of a model was asked for, and when: small notes beside the records, one a model and dataset.

Records tell when a version was judged, not when it was asked for again with nothing left to do. A note is replaced
whole by whoever asks next, so runs at the same time lose none; one that is torn or foreign counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench.records.cell import ModelInfo
from bench.records.notes import At, Note, keep, now, read, usable, writing
from bench.records.store import Store

FOLDER = "asked"
CAP = 10_000
"""Bytes; more are no note of ours."""


class Asked(Note):
    """A version of a model that a run asked for."""

    dataset: str
    """Checksum."""
    name: str
    fingerprint: str
    at: At
    """When."""

    @property
    def subject(self) -> str:
        return f"{self.dataset} {self.name}"


def note(store: Store, dataset: str, models: Iterable[ModelInfo]) -> None:
    """Keep that these versions of models are asked for now, on the dataset of a checksum.

    Raises:
        UsageError: that cannot be written.
    """
    folder, at = store.folder / FOLDER, now()
    with writing(folder):
        for model in models:
            keep(folder, Asked(dataset=dataset, name=model.name, fingerprint=model.fingerprint, at=at))


def notes(store: Store) -> Iterator[Asked]:
    """All usable notes of a folder."""
    yield from usable(store.folder / FOLDER, Asked, CAP)


def unite(into: Store, sources: Iterable[Store]) -> None:
    """Bring the notes of other folders into one: of each model the last."""
    folder = into.folder / FOLDER
    for source in sources:
        for theirs in notes(source):
            ours = read(folder / theirs.file, Asked, CAP)
            if ours is None or (ours.at, ours.fingerprint) < (theirs.at, theirs.fingerprint):
                keep(folder, theirs)
