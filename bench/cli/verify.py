"""`bench verify`: recompute what records claim."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from bench.cli.options import (
    DEFAULT_OUT,
    AsJson,
    Data,
    Device,
    Isolate,
    MemoryLimit,
    StartTimeout,
    Timeout,
    limits_of,
)  # fmt: skip
from bench.cli.output import print_json, print_table, say
from bench.errors import UsageError
from bench.running.isolation.limits import START_TIMEOUT, TIMEOUT

if TYPE_CHECKING:
    from bench.records.record import Record
    from bench.records.store import Store
    from bench.records.verdicts import Verdict

SHOWN = 20
"""Wrong records that are told of one by one; --json has them all."""
Names = Annotated[
    list[str] | None,
    Option("--model", metavar="NAME|FILE.py[:OBJECT]", help="A model at hand, to be asked again; may be repeated."),
]
Note = Annotated[bool, Option("--note/--no-note", help="Keep the verdicts beside the records, for the boards.")]


def command(
    records: Annotated[Path, Argument(metavar="RECORDS", help="Folder of results, as --out of a suite.")] = DEFAULT_OUT,
    model: Names = None,
    data: Data = None,
    device: Device = "auto",
    isolate: Isolate = True,
    timeout: Timeout = TIMEOUT,
    start_timeout: StartTimeout = START_TIMEOUT,
    memory_limit: MemoryLimit = None,
    note: Note = True,
    as_json: AsJson = False,
) -> None:
    """Recompute what records claim, without any attack. Exits with 1 where a record is wrong."""
    from bench.records import verdicts
    from bench.running.at_hand import Datasets, Hand
    from bench.verifying.verify import verified

    store = _store(records)
    limits = limits_of(isolate, timeout, start_timeout, memory_limit)
    datasets = Datasets(data)
    found: list[tuple[Record | None, Verdict]] = []
    with contextlib.closing(Hand(datasets, model or [], device, limits)) as hand:
        for record, verdict in verified(store, datasets, hand):
            found.append((record, verdict))
            if note and record is not None:
                verdicts.keep(store, verdict)
    if not found:
        raise UsageError(f"no records in {store.folder}; give a folder that --out of bench suite named")
    if as_json:
        print_json([{"cell": None if r is None else str(r.cell), **v.model_dump(mode="json")} for r, v in found])
    else:
        _tell(found)
    raise typer.Exit(1 if any(verdict.level == "wrong" for _, verdict in found) else 0)


def _store(folder: Path) -> Store:
    """The records of an out folder, or of a folder of records itself."""
    from bench.records.store import Store

    for place in (folder / "results", folder):
        if (place / "cells").is_dir():
            return Store(place)
    raise UsageError(f"no records in {folder}; give a folder that --out of bench suite named")


def _tell(found: Sequence[tuple[Record | None, Verdict]]) -> None:
    """A line for each model, and one for each record that is wrong."""
    from bench.records.verdicts import LEVELS
    from bench.table import Table

    models: dict[str, Counter[str]] = {}
    for record, verdict in found:
        models.setdefault("(no record)" if record is None else record.cell.target.name, Counter())[verdict.level] += 1
    rows = tuple((name, *(str(count[level]) for level in LEVELS)) for name, count in models.items())
    print_table(Table("Records by verdict", ("model", *LEVELS), rows))
    wrong = [(record, verdict) for record, verdict in found if verdict.level == "wrong"]
    for record, verdict in wrong[:SHOWN]:
        name = verdict.id if record is None else f"{record.cell} ({verdict.id[:12]})"
        say([f"WRONG: {name}: {'; '.join(verdict.problems)}"])
    if len(wrong) > SHOWN:
        say([f"and {len(wrong) - SHOWN} more; --json has them all"])
    notes = Counter(note for _, verdict in found for note in verdict.notes)
    say([f"{count} records: {note}" for note, count in notes.most_common(SHOWN)])
    looked = sum(verdict.examples for _, verdict in found)
    say([f"{len(found)} records, {looked} adversarial inputs looked at, {len(wrong)} records wrong."])
