"""A run of attacks on a few models, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handmade import suite_of

from bench.board.rows import Row, rows
from bench.board.view import View
from bench.datasets import Dataset
from bench.planning.plan import expand, jobs
from bench.progress import Progress
from bench.records.record import Failure, Record
from bench.records.store import Store
from bench.running.roster import Models
from bench.running.runner import Runner, Summary
from bench.running.world import World

OWN = "  - {attack: fgsm, norm: linf, eps: [0.1, 0.2]}"
TRANSFER = "  - {attack: fgsm, norm: linf, eps: 0.2, sources: all}"
NOISE = "  - {attack: sign-noise, norm: linf, eps: 0.2}"
ALL = "\n".join([OWN, TRANSFER, NOISE])


@dataclass
class Ran:
    """What a run came to."""

    summary: Summary
    records: dict[str, Record]
    failures: dict[str, Failure]
    rows: list[Row]

    def row(self, model: str, attack: str, eps: float | None = None, source: str | None = None) -> Row:
        source = model if attack == "fgsm" and source is None else source
        (found,) = [
            row
            for row in self.rows
            if (row.model, row.attack, row.source) == (model, attack, source) and eps in (None, row.eps)
        ]
        return found

    def labels(self, model: str, attack: str, eps: float | None = None) -> list[int]:
        """The labels that a model gave, to its own candidates where the attack is on a model."""
        (found,) = [
            record.result.predicted.tolist()
            for record in self.records.values()
            if record.cell.target.name == model
            and record.cell.craft.attack.name == attack
            and (record.cell.craft.source is None or record.cell.white_box)
            and record.cell.threat.eps == eps
        ]
        return found

    def statuses(self, model: str) -> set[str]:
        return {row.status for row in self.rows if row.model == model}

    def kinds(self, model: str) -> set[str]:
        return {failure.kind for failure in self.failures.values() if failure.cell.target.name == model}


def carry_out(
    models: dict[str, Any],
    digits: Dataset,
    out: Path,
    attacks: str = ALL,
    *,
    guests: dict[str, Any] | None = None,
    batch: int | None = None,
) -> Ran:
    """Run attacks on the reference models of a suite, each a source for the others, and on guests."""
    guests = guests or {}
    suite = suite_of(attacks, list(models), rank_eps=0.2)
    teller = Progress()
    shelf = Models(digits, "cpu")
    for name, offered in {**models, **guests}.items():
        shelf.add_guest(name, lambda offered=offered: offered)
    known, visiting = ({name: shelf.info(name) for name in group} for group in (models, guests))
    planned = expand(suite, digits, known, visiting)
    store = Store(out)
    store.prepare()
    have = store.records(teller.say)
    summary = Runner(store, teller).run(
        jobs(item.cell for item in planned if item.cell.id not in have), World(digits, shelf.adapter, "cpu", batch)
    )
    records, failures = store.records(teller.say), store.failures(teller.say)
    return Ran(summary, records, failures, rows(View(suite, digits, records, failures)))
