"""What `make peers` runs: other libraries' attacks beside ours, then `docs/peers.md` from what they came to.

`python -m tests.peers [MODEL ...]` measures and prints some of the models; without names all, and writes the document.
What was measured is kept in `.peers`, so that an interrupted run goes on where it was; `--kept` measures nothing and
makes the document of what is there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from bench.errors import UsageError
from tests.peers.bounds import Bounded, bounded
from tests.peers.compare import Row, outcome, rivals_of, rows
from tests.peers.duels import DUELS, NETS, Bout, bouts, duel
from tests.peers.report import document, of_bounds, of_bouts, of_rows
from tests.peers.subjects import CASES, Subject, subject

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "peers.md"


def main(names: list[str]) -> int:
    """Measure; 1 where a goal is missed, 2 for a model that there is not."""
    torch.set_num_threads(1)
    try:
        return _measured(names)
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _measured(names: list[str]) -> int:
    kept = "--kept" in names
    names = [name for name in names if name != "--kept"]
    unknown = [name for name in names if name not in CASES]
    if unknown:
        raise UsageError(f"no model {unknown[0]!r} is compared; there are {', '.join(CASES)}")
    compared: list[Row] = []
    fought: list[Bout] = []
    proved: list[Bounded] = []
    for name in names or CASES:
        one = subject(name, Path("bench-out"))
        found = list(rows(one, [outcome(one, key, kept=kept) for key in rivals_of(name)]))
        compared += found
        if found:
            _say(of_rows(found))
        if name in NETS:
            both = _fought(one, kept)
            fought += both
            if both:
                _say(of_bouts(both))
        lines = list(bounded(one, kept=kept))
        proved += lines
        if lines:
            _say(of_bounds(lines))
    if not names:
        DOCUMENT.write_text(document(compared, fought, proved), encoding="utf-8")
        _say(f"wrote {DOCUMENT.relative_to(ROOT)}")
    return int(not all(row.met for row in compared) or not all(bout.better and bout.cheaper for bout in fought))


def _fought(one: Subject, kept: bool) -> list[Bout]:
    found = {key: duel(one, key, kept=kept) for key in DUELS}
    return list(bouts(one.name, {key: both for key, both in found.items() if both}))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
