"""Single flipped bits of records: none may pass for another result."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path

from bench.records.listing import NAME
from bench.records.record import Record
from bench.records.store import Store
from tests.faults.outcome import Outcome

RIGHT = ("refused with a line", "read as it was written")
"""The second where the bit stands between the values, or turns one way of writing a value into another."""


def flipped(content: bytes, bit: int) -> bytes:
    """The content with one of its bits turned."""
    place, shift = divmod(bit, 8)
    return content[:place] + bytes([content[place] ^ (1 << shift)]) + content[place + 1 :]


def bits(name: str, written: Sequence[tuple[Record, bytes]], times: int, folder: Path, listed: str = "") -> Outcome:
    """Flip bits of these records' files, one at a time, and read them as the program does.

    Args:
        name: of the row.
        written: records and the bytes of their files.
        times: number of bits, spread over the records.
        folder: to work in.
        listed: text of the list of checksums beside them, if there is one.
    """
    outcome, store, chance = Outcome(name, RIGHT), Store(folder / "results"), random.Random(0)
    store.prepare()
    if listed:
        (store.folder / NAME).write_text(listed)
    for number in range(times):
        record, content = written[number % len(written)]
        bit = chance.randrange(8 * len(content))
        path = store.path(record.id)
        path.write_bytes(flipped(content, bit))
        said: list[str] = []
        started = time.perf_counter()
        found = store.records(said.append).get(record.id)
        took = time.perf_counter() - started
        path.unlink()
        what = f"bit {bit} of {record.id}"
        if found is None:
            named = len(said) == 1 and str(path) in said[0] and "\n" not in said[0]
            outcome.add(RIGHT[0] if named else "refused without a line", took, what)
        else:
            outcome.add(RIGHT[1] if found == record else "read as another record", took, what)
    return outcome
