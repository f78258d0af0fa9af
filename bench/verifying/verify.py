"""A verdict on each record of a folder, from the files alone and, where they are at hand, from models."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Set
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version

from bench.datasets.base import Dataset
from bench.records import usable
from bench.records.cell import DatasetId
from bench.records.examples import Kept
from bench.records.record import LARGEST, Record
from bench.records.store import Store
from bench.records.usable import Unusable
from bench.records.verdicts import Level, Verdict
from bench.verifying.columns import of_columns
from bench.verifying.kept import of_kept
from bench.verifying.labels import Model, of_labels

Data = Callable[[DatasetId], Dataset | str]
"""The dataset of an id, or a line that says why it is not at hand."""
Models = Callable[[Record], Model | None]
"""The model at hand for a record's target; None where there is none of that name."""
Versions = Set[tuple[str, str, str]]
"""Checksum of the dataset, name and fingerprint of each model that a folder has records of."""


def verified(store: Store, data: Data, models: Models = lambda record: None) -> Iterator[tuple[Record | None, Verdict]]:
    """A verdict on each file of a folder's records, which is read as data and changed in nothing.

    Args:
        store: the folder.
        data: gives datasets.
        models: gives models.

    Yields: the record, None of a file that is none, and the verdict.
    """
    versions = cache(lambda: {_version(record) for record in store.records().values()})
    for path in usable.files(store.folder / "cells"):
        digest = "0" * 64
        try:
            digest = hashlib.sha256(usable.content(path, LARGEST)).hexdigest()
            record = usable.record(path, store.folder)
        except Unusable as error:
            yield None, _verdict(path.stem, digest, "wrong", [f"no usable record: {error}"])
            continue
        yield record, _of(store, record, digest, data, models, versions)


def _version(record: Record, fingerprint: str | None = None) -> tuple[str, str, str]:
    """Which model a record is of; or would be, with another fingerprint."""
    target = record.cell.target
    return record.cell.craft.dataset.checksum, target.name, fingerprint or target.fingerprint


def _of(
    store: Store, record: Record, digest: str, data: Data, models: Models, versions: Callable[[], Versions]
) -> Verdict:
    """Fails closed: whatever checking raises is a problem of the record."""
    if record.result.status != "ok":
        return _verdict(record.id, digest, "arithmetic checked", [], ["it has no numbers"])
    dataset = data(record.cell.craft.dataset)
    if isinstance(dataset, str):
        return _verdict(record.id, digest, "self-reported", [], [dataset])
    notes: list[str] = []
    kept: Kept | None = None
    try:
        problems = list(of_columns(record, dataset))
        kept = store.examples(record)
        if kept is not None and not problems:
            problems += of_kept(record, kept, dataset)
    except Unusable as error:
        problems = [f"{store.examples_path(record).name}: {error}"]
    except Exception as error:  # noqa: BLE001 - whatever a hostile file provokes, the file is at fault
        problems = [f"cannot be checked ({type(error).__name__}: {error})"]
    clean = record.cell.craft.attack.name == "clean"
    if kept is None and not clean and not problems:
        missing = record.run.examples is not None
        notes.append("the file of its inputs is not there" if missing else "it keeps no adversarial inputs")
    if problems:
        return _verdict(record.id, digest, "wrong", problems, notes, kept)
    level: Level = "arithmetic checked" if kept is not None or clean else "self-reported"
    model = models(record)
    if model is not None:
        try:
            known = model.fingerprint != record.cell.target.fingerprint and (
                _version(record, model.fingerprint) in versions()
            )
            found = of_labels(record, kept, dataset, model, both=known)
        except Exception as error:  # noqa: BLE001 - a model may raise anything
            return _verdict(record.id, digest, level, [], [*notes, f"the model failed: {error}"], kept)
        notes += found.notes
        if found.problems:
            return _verdict(record.id, digest, "wrong", found.problems, notes, kept)
        if found.other:
            level = "other version" if level == "arithmetic checked" else level
        elif found.asked:
            level = "re-verified"
    return _verdict(record.id, digest, level, [], notes, kept)


def _verdict(
    id: str, digest: str, level: Level, problems: list[str], notes: list[str] | None = None, kept: Kept | None = None
) -> Verdict:
    return Verdict.model_construct(
        id=id,
        file=digest,
        level=level,
        problems=tuple(text[:1000] for text in problems[:20]),
        notes=tuple(text[:1000] for text in (notes or [])[:20]),
        examples=0 if kept is None else len(kept.index),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        version=version("potemkin-bench"),
    )
