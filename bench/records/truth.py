"""What records say of each other: errors are counted against the true classes, which the clean pass keeps for all.

Records of later schemas have a checksum; those of the first are held to this as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping

import numpy as np

from bench.records.cell import Cell
from bench.records.packing import unpack_integers
from bench.records.record import Record
from bench.threats import MISCLASSIFIED

Key = tuple[object, ...]


def contradicted(records: Mapping[str, Record], listed: Container[str] = ()) -> dict[str, str]:
    """Ids of records of the first schema that the others bear witness against, with the reason.

    Args:
        records: by id.
        listed: ids of those that have a checksum after all.
    """
    doubtful = [record for record in records.values() if record.schema_version == 1 and record.id not in listed]
    old = [record for record in doubtful if record.result.status == "ok"]
    truth = _truth(records.values()) if old else {}
    found = {}
    for record in old:
        right = truth.get(_key(record.cell))
        if right is None:
            continue
        kept = record.result.examples
        assert kept is not None
        if kept.true is not None and kept.true != right:
            found[record.id] = "its true classes are not those of the other records of these examples"
        elif record.cell.criterion == MISCLASSIFIED and record.result.errors is not None:
            labels, true = record.result.predicted, unpack_integers(right)
            counted = np.ones(len(labels), dtype=bool) if kept.goal is None else record.result.goal >= 0
            errors = int(((labels != true) & (labels >= 0) & counted).sum())
            if errors != record.result.errors:
                found[record.id] = f"errors is {record.result.errors}, and its labels come to {errors}"
    return found


def _key(cell: Cell) -> Key:
    return cell.craft.dataset.checksum, cell.craft.slice


def _truth(records: Iterable[Record]) -> dict[Key, str]:
    """The packed true classes of the examples of each slice that most clean passes over it agree on."""
    votes: dict[Key, Counter[str]] = {}
    for record in records:
        kept = record.result.examples
        if kept is not None and kept.true is not None:
            votes.setdefault(_key(record.cell), Counter())[kept.true] += 1
    found = {}
    for key, counted in votes.items():
        (most, times), *others = counted.most_common(2)
        if not others or times > others[0][1]:
            found[key] = most
    return found
