"""Our numbers: each read from a row of the board of all measurements on its split."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.board.measured import misnamed
from bench.board.rows import Row, rows
from bench.board.transfer import agreement
from bench.board.view import View
from bench.paper.evidence import Evidence, Known, obstacle
from bench.paper.numbers import Measure, Numbers
from bench.paper.protocol import cells_of, models_of, suite_of

UNSURE = "{} gives no probabilities that the criterion could hold to"
RATES = {
    "error": ("n", UNSURE),
    "confidence": ("n", "{} gives no probabilities"),
    "confidence_on_mistakes": ("mistakes", "there are no mistakes to be confident of, or no probabilities"),
}
"""Numbers that stand in a row under their own names, what they count, and why one may be missing."""


@dataclass(frozen=True)
class Ours:
    """One of our numbers."""

    mean: float
    """Over training runs."""
    spread: float | None
    """Standard deviation over training runs; None where there is one."""
    runs: int
    n: int
    """What the number counts: examples, or mistakes for an agreement or a confidence on mistakes."""


class NotRun(Exception):
    """A number that cannot be told; its arguments are why, and the command that would change it."""

    def __init__(self, reason: str, command: str | None = None) -> None:
        super().__init__(reason, command)


@dataclass(frozen=True)
class Boards:
    """The rows of all measurements, of the models that the evidence knows."""

    numbers: Numbers
    evidence: Evidence
    made: dict[object, dict[object, Row]] = field(default_factory=dict)

    def known(self, measure: Measure) -> Known:
        """A measurement's dataset and the models of its zoo."""
        return self.evidence.known[measure.dataset]

    def row(self, measure: Measure, target: str, attack: str | None = None) -> Row:
        """The row of a measurement's attack, or of another such as the clean pass. Raises NotRun: it has no number."""
        known, asked = self.known(measure), (target, attack or measure.attack)
        behind = cells_of(measure, known.dataset, known.models)
        cells = [cell for cell in behind if (cell.target.name, cell.craft.attack.name) == asked]
        missing = [cell for cell in cells if cell.id not in self.evidence.records]
        failed = [self.evidence.failures[cell.id] for cell in missing if cell.id in self.evidence.failures]
        if failed:
            raise NotRun(f"failed: {failed[0].kind}: {failed[0].message}", "bench paper")
        if missing:
            met = {model.name for model in (missing[0].target, missing[0].craft.source) if model}
            command = "bench paper" if met <= known.ready else "bench paper --budget full"
            raise self.lacking(measure, f"no record of {missing[0]}", command)
        row = self._board(measure)[(cells[0].threat.eps, *(cell.id for cell in cells))]
        if row.status != "ok":
            raise NotRun(f"{target}: {row.reason}")
        return row

    def labels(self, row: Row, name: Literal["predicted", "true"] = "predicted") -> NDArray[np.int64]:
        """`(N,)` the labels that a row is made of."""
        return np.concatenate([getattr(self.evidence.records[id].result, name) for id in row.cells])

    def lacking(self, measure: Measure, reason: str, command: str) -> NotRun:
        """What is missing and what makes it; where the data could not be had, that is the reason."""
        unreadable = self.evidence.unreadable.get(measure.dataset)
        return NotRun(reason, command) if unreadable is None else NotRun(unreadable, "bench paper --data FOLDER")

    def _board(self, measure: Measure) -> dict[object, Row]:
        """All rows on the measurement's split, by epsilon and cells."""
        known, evidence = self.known(measure), self.evidence
        key = (measure.dataset, measure.split, *sorted(model.fingerprint for model in known.models.values()))
        if key not in self.made:
            asked = [
                run
                for one in self.numbers.measures
                if (one.dataset, one.split) == (measure.dataset, measure.split) and obstacle(one, evidence) is None
                for run in known.runs(one, known.models)
                if known.models.keys() >= set(models_of(run))
            ]
            suite = suite_of(asked)  # flags go by whatever else the records know of these models
            entries = [entry.model_copy(update={"models": None}) for entry in suite.attacks]
            suite = suite.model_copy(update={"attacks": entries})
            view = View(suite, known.dataset, evidence.records, evidence.failures, known.models, whole=True)
            self.made[key] = {(row.eps, *row.cells): row for row in rows(view)}
        return self.made[key]


def measured(measure: Measure, boards: Boards) -> Ours:
    """A measurement over all training runs of its model. Raises NotRun where no record tells it."""
    hindrance = obstacle(measure, boards.evidence)
    if hindrance is not None:
        raise NotRun(hindrance)
    known = boards.known(measure)
    unmade = [name for name in models_of(measure) if name not in known.models]
    if unmade:
        raise boards.lacking(measure, f"model {' and '.join(unmade)} is not made yet", "bench paper")
    values = []
    for run in known.runs(measure, known.models):
        try:
            values.append(_value(run, boards))
        except NotRun:
            if run == measure:
                raise
    means = [value for value, _ in values]
    spread = statistics.stdev(means) if len(means) > 1 else None
    return Ours(statistics.fmean(means), spread, len(means), values[0][1])


def _value(measure: Measure, boards: Boards) -> tuple[float, int]:
    """The number and what it counts."""
    row = boards.row(measure, measure.model)
    if measure.compares:
        return _agreement(measure, row, boards)
    if measure.number not in RATES:
        return _by_class(measure, row)
    count, lack = RATES[measure.number]
    return _told(getattr(row, measure.number), getattr(row, count), lack.format(measure.model))


def _told(value: float | None, n: int | None, otherwise: str) -> tuple[float, int]:
    if value is None or n is None:
        raise NotRun(otherwise)
    return value, n


def _agreement(measure: Measure, row: Row, boards: Boards) -> tuple[float, int]:
    """How often the target gives the same wrong class as another model: section 8."""
    other = boards.row(measure, measure.of or measure.source or "")
    true = boards.labels(boards.row(measure, measure.model, "clean"), "true")
    first, second = boards.labels(row), boards.labels(other)
    over = misnamed(second, true) if measure.number == "agreement" else misnamed(second, true) & misnamed(first, true)
    found = agreement(first, second, over)
    value = found.chance if measure.number == "chance_when_both_err" else found.rate
    return _told(value, found.n, "there are no mistakes to agree on")


def _by_class(measure: Measure, row: Row) -> tuple[float, int]:
    """Shares of classes among the successes, and success by the class that was to be reached: appendix A."""
    if row.success_classes is None:
        raise NotRun(UNSURE.format(measure.model))
    label = measure.label or 0
    if measure.number == "class_share":
        total = sum(row.success_classes)
        share = row.success_classes[label] / total if total else None
        return _told(share, total, "there are no successes to share out")
    if row.class_success is None or row.class_n is None:
        raise NotRun(f"attack {measure.attack} aims at no class")
    if measure.number == "class_success":
        return _told(row.class_success[label], row.class_n[label], f"no input aims at class {label}")
    return _told(row.mean_class_success, sum(row.class_n), "no input aims at any class")
