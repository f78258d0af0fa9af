"""Uniting folders of records: a set union, whichever comes first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adapters.errors import InvalidOutput, told
from bench.progress import Say
from bench.records import listing, ran, starts
from bench.records.asked import unite
from bench.records.examples import decode
from bench.records.part import Part
from bench.records.record import Failure, Record, read_record
from bench.records.store import Store
from bench.running.keeping import assembled, told_of
from bench.running.pieces import Pieces
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
    """Failures that came along, or of parts that do not go together, their cells having no record anywhere."""
    waiting: int = 0
    """Cells that still lack parts, and have not failed."""
    conflicts: list[tuple[Path, Path]] = field(default_factory=list)
    """Files of one cell with different results; both stay where they are."""


def merge(into: Store, sources: Sequence[Store], warn: Say, *, keep: bool = False) -> Merged:
    """Bring the records, failures and parts of other folders into one, which is read as well.

    Of two good copies of a record one in which asking again found something stays, else one with adversarial inputs,
    else the file with the smaller SHA-256, so that the union does not depend on the order. A failure yields to a
    record. Two different results are a conflict, and nothing of that cell is changed.

    Args:
        into: prepared folder.
        sources: folders to read; nothing in them is changed.
        warn: told in a line of what cannot be used.
        keep: whether a record that is there stays beside an equal copy, whatever their SHA-256: the union then
            depends on what was there first.
    """
    found = Merged()
    for source in sources:
        for record in source.records(warn).values():
            _unite(into, source, record, found, warn, keep)
    parts = [part for store in (into, *sources) for part in store.parts(warn)]
    waiting = _join(into, parts, found, warn)
    for source in sources:
        for failure in source.failures(warn).values():
            if not into.has(failure.id):
                into.publish_failure(failure)
                found.failures += 1
    found.waiting = sum(not into.has(id) for id in waiting)
    for part in parts:
        if any(into.record(item.cell.id) is None for item in part.cells):
            into.publish_part(part)  # also of a cell that failed elsewhere: what it lacks may be tried again
    into.sweep(parts)
    unite(into, sources)
    ran.unite(into, sources)
    starts.unite(into, sources)
    return found


def _unite(into: Store, source: Store, record: Record, found: Merged, warn: Say, keep: bool) -> None:
    """Bring one record along."""
    ours, theirs = into.path(record.id), source.path(record.id)
    try:
        content = source.content(record.id)
        if read_record(content) != record:
            raise ValueError("it changed while it was read")
        if into.record(record.id) is None and not into.takes(record, content):
            raise ValueError(f"its SHA-256 is not that in {into.folder / listing.NAME}")
    except (OSError, ValueError) as error:
        warn(f"left out {theirs}: {error}")
        return
    outcome = into.publish(record, warn, content, _kept(source, record, warn))
    if outcome == "new":
        found.added += 1
    elif outcome == "different":
        found.conflicts.append((ours, theirs))
        _drop(into, record, into.record(record.id))
    else:
        found.same += 1
        present = into.record(record.id)
        better = present is None or _order(record, content) < _order(present, into.content(record.id))
        if into.takes(record, content) and better and not keep:
            into.replace(record.id, content)
            _drop(into, present, record)
        else:
            _drop(into, record, present)


def _kept(source: Store, record: Record, warn: Say) -> bytes | None:
    """The file of adversarial inputs that a record tells of; one that is another, or no such file, stays behind."""
    try:
        content = source.examples_content(record)
        if content is not None:
            decode(content)
        return content
    except ValueError as error:
        warn(f"left out {source.examples_path(record)}: {error}")
        return None


def _drop(into: Store, gone: Record | None, stays: Record | None) -> None:
    """Remove the inputs of a copy that is not the one that stays."""
    if gone is not None and (stays is None or gone.run.examples != stays.run.examples):
        into.drop(gone)


def _join(into: Store, parts: Iterable[Part], found: Merged, warn: Say) -> set[str]:
    """Publish the cells whose parts are all there now; ids of those that lack some."""
    pieces = Pieces()
    last: dict[str, Part] = {}
    for part in parts:
        pieces.add(part)
        last |= dict.fromkeys((item.cell.id for item in part.cells if item.broken is None), part)
    lacking = {id: part for id, part in last.items() if into.record(id) is None}
    for id, part in lacking.items():
        if not pieces.are_all(id, part.of):
            continue
        whole, run = pieces.take(id, part)
        try:
            kept = assembled(whole, part.classes)
            result = joined(whole, part.classes)
            record = Record(id=id, cell=whole[0].cell, result=result, run=told_of(run, kept))
        except (InvalidOutput, ValueError) as error:
            message = str(error) if isinstance(error, InvalidOutput) else told(error)
            failure = Failure(id=id, cell=whole[0].cell, kind="invalid-output", message=message, run=run)
            into.publish_failure(failure)
            found.failures += 1
        else:
            into.publish(record, warn, kept=kept)
            found.joined += 1
    return {id for id in lacking if id in pieces}


def _order(record: Record, content: bytes) -> tuple[bool, bool, bytes]:
    """Which of two copies stays: the smaller. Neither what was found by asking again is lost to a copy without it, nor
    the adversarial inputs that were kept."""
    return not record.run.findings, record.run.examples is None, hashlib.sha256(content).digest()
