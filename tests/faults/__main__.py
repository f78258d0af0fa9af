"""What `make faults` runs: faults of every kind, as often as it says, and `docs/faults.md` from what came of them.

With `--only KIND ...` it runs some kinds, and the page's other rows stay as they are.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from bench.records.listing import NAME
from bench.records.store import Store
from bench.table import Table
from tests.faults.bits import bits
from tests.faults.hostile_yaml import hostile_yaml
from tests.faults.kills import kills
from tests.faults.mutants import idx_files, images
from tests.faults.outcome import Outcome
from tests.faults.publisher import RECORDS
from tests.faults.syscalls import syscalls

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "faults.md"
EVERY = 1000
"""More faults of publishing than there are."""
Row = tuple[str, ...]
HEAD = """\
# Faults

What came of faults that were made on purpose: processes killed, system calls that fail, bits flipped, hostile files.
`make faults` makes them and writes this page; the ordinary tests make fewer of each kind. What each kind is held to
stands in `docs/records.md` and in the files of `tests/faults/`.

"""
FOOT = """
"Slowest" is the time by the clock that the slowest fault of a kind took, its process started and run again where there
is one. Hostile YAML files are held to one second of the processor.
"""
KINDS = "bits", "published-bits", "yaml", "images", "idx", "syscalls", "kills"
"""In the order of the page's rows."""


def measured(folder: Path, share: float, only: Collection[str] = KINDS) -> Iterator[Outcome]:
    """These kinds of fault; `share` is how many of the full number."""

    def number(full: int) -> int:
        return max(1, round(share * full))

    results = ROOT / "results"
    old = [(record, Store(results).content(id)) for id, record in sorted(Store(results).records().items())[::50]]
    listed = (results / NAME).read_text()
    ours = [(record, record.json_text().encode()) for record in RECORDS]
    kinds: list[Callable[[Path], Outcome]] = [
        lambda place: bits("Bits of records", ours, number(1500), place),
        lambda place: bits("Bits of published records", old, number(1500), place, listed),
        lambda place: hostile_yaml(number(100), place),
        lambda place: images(number(500), place),
        lambda place: idx_files(number(500), place),
        lambda place: syscalls(number(EVERY), place),
        lambda place: kills(number(300), place),
    ]
    for name, kind in zip(KINDS, kinds, strict=True):
        if name in only:
            (folder / name).mkdir()
            yield kind(folder / name)


def together(new: Iterable[Row], page: str) -> list[Row]:
    """These rows and those of the page that are of no kind among them; in the page's order, new ones last."""
    rows = {row[0]: row for row in new}
    lines = re.findall(r"^\|(?!:| faults )(.+)\|$", page, re.MULTILINE)
    there = [tuple(cell.strip() for cell in line.split("|")) for line in lines]
    found = [rows.pop(row[0], row) for row in there]
    return [*found, *rows.values()]


def main() -> int:
    """Measure, print and write; 1 where anything came out otherwise than it should, and then nothing is written."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of faults; the page is left alone")
    parser.add_argument("--only", nargs="+", choices=KINDS, default=KINDS, metavar="KIND", help=", ".join(KINDS))
    given = parser.parse_args()
    started, outcomes = time.perf_counter(), []
    with tempfile.TemporaryDirectory() as name:
        os.environ["BENCH_HOME"] = str(Path(name) / "home")
        for outcome in measured(Path(name), given.share, given.only):
            sys.stderr.write(f"{', '.join(outcome.row())} ({time.perf_counter() - started:.0f} s)\n")
            outcomes.append(outcome)
    rows = [outcome.row() for outcome in outcomes]
    sys.stdout.write(_table(rows) + "\n")
    wrong = [line for outcome in outcomes for line in outcome.wrong]
    sys.stderr.write("".join(f"WRONG: {line}\n" for line in wrong[:20]))
    if wrong:
        return 1
    if given.share == 1:
        if set(given.only) != set(KINDS):
            rows = together(rows, DOCUMENT.read_text(encoding="utf-8"))
        DOCUMENT.write_text(f"{HEAD}{_table(rows)}\n{FOOT}", encoding="utf-8")
        sys.stdout.write(f"wrote {DOCUMENT.relative_to(ROOT)}\n")
    return 0


def _table(rows: Iterable[Row]) -> str:
    headers = "faults", "number", "what came of them", "slowest", "as it should"
    return Table("Faults", headers, tuple(rows)).markdown().partition("\n\n")[2]


if __name__ == "__main__":
    sys.exit(main())
