"""Whether what a run was given as a model did start: small notes beside the records, one for each thing given.

A model that crashes, hangs or raises before it is made has no cell, and so no record tells of it: without these notes
its older records would pass for what the last run found. A note keeps which models its file gave when it last started.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from bench.records.asked import Asked
from bench.records.cell import Name
from bench.records.notes import At, Note, keep, now, read, usable, writing
from bench.records.store import Store
from bench.table import visible

FOLDER = "starts"
CAP = 100_000
"""Bytes; more are no note of ours."""
LONGEST = 300
"""Characters of a reason."""


class Start(Note):
    """The last start of what was given as a model."""

    dataset: Name
    """Checksum."""
    spec: Name
    """As `--model` took it, without folders: `FILE.py`, `FILE.py:OBJECT` or a name."""
    models: Annotated[tuple[Name, ...], Field(max_length=1000)] = ()
    """Names of the models that it gave when it did start."""
    kind: Name = ""
    """Why it did not: `crash`, `timeout`, `exception`, ...; empty where it did."""
    why: Annotated[str, Field(max_length=LONGEST)] = ""
    at: At
    """When."""

    @property
    def subject(self) -> str:
        return f"{self.dataset} {self.spec}"

    @property
    def failed(self) -> bool:
        return bool(self.kind)

    def means(self, model: str) -> bool:
        """Whether a model of this name is, or may be, what did not start."""
        return model in (*self.models, self.spec, self.spec.rpartition(".py:")[2])

    def __str__(self) -> str:
        return f"{self.spec} did not start on {self.at[:10]} at {self.at[11:16]} UTC: {self.kind}: {self.why}"


def started(store: Store, dataset: str, specs: Mapping[str, Sequence[str]]) -> None:
    """Keep that these did start now, on the dataset of a checksum, with the models that each gave.

    Raises:
        UsageError: that cannot be written.
    """
    for spec, models in specs.items():
        _keep(store, Start(dataset=dataset, spec=_plain(spec), models=tuple(models), at=now()))


def failed(store: Store, dataset: str, specs: Mapping[str, tuple[str, str]]) -> None:
    """Keep that these did not start now, each with the kind and the reason; which models they gave before stays known.

    Raises:
        UsageError: that cannot be written.
    """
    for spec, (kind, why) in specs.items():
        new = Start(dataset=dataset, spec=_plain(spec), kind=kind, why=visible(why)[:LONGEST], at=now())
        before = read(store.folder / FOLDER / new.file, Start, CAP)
        _keep(store, new.model_copy(update={"models": before.models if before else ()}))


def notes(store: Store) -> Iterator[Start]:
    """All usable notes of a folder."""
    yield from usable(store.folder / FOLDER, Start, CAP)


def unite(into: Store, sources: Iterable[Store]) -> None:
    """Bring the notes of other folders into one: of each thing given the last."""
    for source in sources:
        for theirs in notes(source):
            ours = read(into.folder / FOLDER / theirs.file, Start, CAP)
            if ours is None or (ours.at, ours.kind, ours.why) < (theirs.at, theirs.kind, theirs.why):
                _keep(into, theirs)


def outdated(
    dataset: str, finished: Mapping[str, str], asked: Iterable[Asked], starts: Iterable[Start]
) -> dict[str, Start]:
    """The models whose records are all older than a start that failed, by name, each with the last such.

    Args:
        dataset: checksum.
        finished: when the last record of each model was made.
        asked: when versions of models were asked for, and did start.
        starts: what did and did not start; those of other datasets say nothing of this one's records.
    """
    last = dict(finished)
    for note in asked:
        if note.dataset == dataset and note.name in last:
            last[note.name] = max(last[note.name], note.at)
    failures = sorted((note for note in starts if note.failed and note.dataset == dataset), key=lambda note: note.at)
    return {name: note for note in failures for name, at in last.items() if note.means(name) and note.at > at}


def _plain(spec: str) -> str:
    """The spec without folders, which tell of a machine."""
    path, dot, rest = spec.partition(".py")
    return visible(f"{Path(path).name}{dot}{rest}")[-200:]


def _keep(store: Store, note: Start) -> None:
    folder = store.folder / FOLDER
    with writing(folder):
        keep(folder, note)
