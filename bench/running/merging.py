"""Uniting folders of records: a set union, whichever comes first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.records.part import CellPart, Part
from bench.records.record import Record
from bench.records.store import Store, Warn
from bench.running.tally import joined


@dataclass
class Merged:
    """What came of uniting folders."""

    added: int = 0
    """Records that were not there."""
    same: int = 0
    joined: int = 0
    """Records made of parts that lay in several folders."""
    failures: int = 0
    """Failures that came along, their cells having no record anywhere."""
    waiting: int = 0
    """Cells that still lack parts, and have not failed."""
    conflicts: list[tuple[Path, Path]] = field(default_factory=list)
    """Files of one cell with different results; both stay where they are."""


def merge(into: Store, sources: Sequence[Store], warn: Warn) -> Merged:
    """Bring the records, failures and parts of other folders into one, which is read as well.

    Of two good copies of a record the file with the smaller SHA-256 stays, so that the union does not depend on the
    order. A failure yields to a record. Two different results are a conflict, and nothing of that cell is changed.

    Args:
        into: prepared folder.
        sources: folders to read; nothing in them is changed.
        warn: told in a line of what cannot be used.
    """
    found = Merged()
    for source in sources:
        for record in source.records(warn).values():
            _unite(into, source, record, found, warn)
    parts = [part for store in (into, *sources) for part in store.parts(warn)]
    waiting = _join(into, parts, found, warn)
    for source in sources:
        for failure in source.failures(warn).values():
            if not into.has(failure.id):
                into.publish_failure(failure)
                found.failures += 1
    found.waiting = sum(not into.has(id) for id in waiting)
    for part in parts:
        if any(not into.path(item.cell.id).exists() for item in part.cells):
            into.publish_part(part)  # also of a cell that failed elsewhere: what it lacks may be tried again
    into.sweep(parts)
    return found


def _unite(into: Store, source: Store, record: Record, found: Merged, warn: Warn) -> None:
    """Bring one record along."""
    ours, theirs = into.path(record.id), source.path(record.id)
    text = theirs.read_text(encoding="ascii")
    outcome = into.publish(record, warn, text)
    if outcome == "new":
        found.added += 1
    elif outcome == "different":
        found.conflicts.append((ours, theirs))
    else:
        found.same += 1
        if _digest(theirs) < _digest(ours):
            into.replace(record.id, text)


def _join(into: Store, parts: Iterable[Part], found: Merged, warn: Warn) -> set[str]:
    """Publish the cells whose parts are all there now; ids of those that lack some."""
    waiting = set()
    known: dict[str, dict[int, CellPart]] = {}
    last: dict[str, Part] = {}
    for part in parts:
        for item in part.cells:
            if item.broken is None:
                known.setdefault(item.cell.id, {})[part.number] = item
                last[item.cell.id] = part
    for id, pieces in known.items():
        part = last[id]
        if into.record(id) is not None:
            continue
        if len(pieces) < part.of:
            waiting.add(id)
            continue
        result = joined([pieces[number] for number in range(part.of)], part.classes)
        into.publish(Record(id=id, cell=pieces[0].cell, result=result, run=part.run), warn)
        found.joined += 1
    return waiting


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
