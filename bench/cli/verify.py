"""`bench verify`: recompute what records claim."""

from __future__ import annotations

import contextlib
import re
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
from bench.cli.output import print_json, print_table, say, warn
from bench.errors import UsageError
from bench.running.isolation.limits import START_TIMEOUT, TIMEOUT

if TYPE_CHECKING:
    from bench.records.record import Record
    from bench.records.store import Store
    from bench.records.verdicts import Verdict

    Found = Sequence[tuple[Record | None, Verdict]]
SHOWN = 20
"""Wrong records that are told of one by one, and kinds of notes; --json has them all."""
COUNTED = re.compile(r"(?:(?P<some>\d+) (?:of (?P<of>\d+) )?)?(?P<what>.*)", re.DOTALL)
"""A note that may begin with a count."""
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
    """Recompute what records claim, without any attack. Exits with 1 where one is wrong, or none is of a --model."""
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
    for spec in hand.idle:
        warn(f"NOT ASKED: no record here is of a model of {spec}")
    raise typer.Exit(1 if hand.idle or any(verdict.level == "wrong" for _, verdict in found) else 0)


def _store(folder: Path) -> Store:
    """The records of an out folder, or of a folder of records itself."""
    from bench.records.store import Store

    for place in (folder / "results", folder):
        if (place / "cells").is_dir():
            return Store(place)
    raise UsageError(f"no records in {folder}; give a folder that --out of bench suite named")


def _tell(found: Found) -> None:
    """A line for each model, one for each record that is wrong, and one for each kind of note."""
    from bench.records.verdicts import LEVELS
    from bench.table import Table

    models: dict[str, Counter[str]] = {}
    for record, verdict in found:
        models.setdefault("(no record)" if record is None else record.cell.target.name, Counter())[verdict.level] += 1
    shown = [level for level in LEVELS if level == "wrong" or any(count[level] for count in models.values())]
    rows = tuple((name, *(str(count[level]) for level in shown)) for name, count in models.items())
    print_table(Table("Records by verdict", ("model", *shown), rows))
    wrong = [(record, verdict) for record, verdict in found if verdict.level == "wrong"]
    for record, verdict in wrong[:SHOWN]:
        name = verdict.id if record is None else f"{record.cell} ({verdict.id[:12]})"
        say([f"WRONG: {name}: {'; '.join(verdict.problems)}"])
    if len(wrong) > SHOWN:
        say([f"and {len(wrong) - SHOWN} more; --json has them all"])
    looked = sum(verdict.examples for _, verdict in found)
    count = Counter(verdict.level for _, verdict in found)
    lines = [
        *_noted(found),
        f"{len(found)} records, {looked} adversarial inputs looked at, {count['wrong']} records wrong.",
    ]
    if others := count["other version"]:
        lines.append(f"{others} are of another version of the model at hand: of these the arithmetic alone is checked.")
    say(lines)


def _noted(found: Found) -> list[str]:
    """A line a kind of note: how many records have it, and one of them; what notes count is added up."""
    kinds: dict[str, list[tuple[Record | None, re.Match[str]]]] = {}
    for record, verdict in found:
        for note in verdict.notes:
            parts = COUNTED.fullmatch(note)
            assert parts is not None
            kinds.setdefault(parts["what"], []).append((record, parts))
    lines = []
    for what, those in sorted(kinds.items(), key=lambda kind: -len(kind[1]))[:SHOWN]:
        record, first = those[0]
        count = f"{len(those)} record{'s' if len(those) > 1 else ''}"
        if first["some"] is not None:
            some, of = (sum(int(parts[name] or 0) for _, parts in those) for name in ("some", "of"))
            what = f"{some}{f' of {of}' if first['of'] else ''} {what}"
        lines.append(f"{count}: {what}" + ("" if record is None else f", such as {record.cell} ({record.id[:12]})"))
    return lines
