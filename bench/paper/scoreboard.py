"""The scoreboard: every published number with ours beside it and a verdict. A pure function of numbers and evidence."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from bench.board.rows import rows
from bench.board.view import Measured, View, mistaken
from bench.paper.evidence import Evidence, obstacle
from bench.paper.numbers import Measure, Number, Numbers
from bench.paper.protocol import cells_of, entry_of, models_of, suite_of
from bench.planning.plan import CLEAN
from bench.records.record import Cell, ModelInfo

Verdict = Literal["match", "direction", "differs", "not run"]
VERDICTS: tuple[Verdict, ...] = ("match", "direction", "differs", "not run")


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


@dataclass(frozen=True)
class Line:
    """One line of the scoreboard."""

    number: Number
    verdict: Verdict
    reason: str | None
    """Why it was not run, or what a figure shows."""
    command: str | None
    """What would run it."""
    ours: dict[str, Ours] = field(default_factory=dict)
    beside: dict[str, Ours] = field(default_factory=dict)
    holds: bool | None = None
    """Whether the claim holds; None where it is not known."""
    quick: dict[str, str] = field(default_factory=dict)
    """Models met by `ours` that were made by their quick recipes, and how short a training that was."""
    quick_beside: dict[str, str] = field(default_factory=dict)
    """Likewise of `beside`."""
    figure: str | None = None
    """Name of the image in the folder `figures` beside the document."""
    data: str = ""
    """What was measured on in place of official data; empty where it was they."""
    flags: dict[str, list[str]] = field(default_factory=dict)
    """What the board says of the robustness of each model that was measured, where it says anything."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        number = self.number
        return {
            "id": number.id,
            "where": number.where,
            "what": number.what,
            "conditions": number.conditions,
            "published": {name: statistics.fmean(values) for name, values in number.published.items()},
            "tolerance": number.tolerance,
            "because": number.because,
            "claim": number.claim,
            "verdict": self.verdict,
            "holds": self.holds,
            "reason": self.reason,
            "command": self.command,
            "ours": {name: asdict(found) for name, found in self.ours.items()},
            "beside": {name: asdict(found) for name, found in self.beside.items()},
            "quick": self.quick,
            "quick_beside": self.quick_beside,
            "data": self.data,
            "flags": self.flags,
            "open": {key: text for key, text in number.open.model_dump().items() if text},
            "tried": number.tried,
        }


class NotRun(Exception):
    """A number that cannot be told: why, and the command that would change it."""

    def __init__(self, reason: str, command: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.command = reason, command


def scoreboard(numbers: Numbers, evidence: Evidence) -> list[Line]:
    """A line for every number, in the order of the file."""
    flags = _flags(numbers, evidence)
    return [_line(number, evidence, flags) for number in numbers.all]


def _line(number: Number, evidence: Evidence, flags: Mapping[tuple[str, str], tuple[ModelInfo, list[str]]]) -> Line:
    if number.lacks:
        return Line(number, "not run", number.lacks, None)
    if number.figure:
        finding = evidence.figures.get(number.id)
        if finding is None:
            return Line(number, "not run", *evidence.undrawn.get(number.id, ("it is not drawn yet", "bench paper")))
        verdict: Verdict = ("match" if finding.as_published else "direction") if finding.shows else "differs"
        return Line(number, verdict, finding.finding, None, figure=finding.figure)
    evidence = _alike(number, evidence)
    ours, beside = {}, {}
    missing: NotRun | None = None
    for name, measure in number.measure.items():
        try:
            ours[name] = _measured(measure, evidence)
        except NotRun as why:
            missing = missing or why
    for name, measure in number.beside.items():
        try:
            beside[name] = _measured(measure, evidence)
        except NotRun:
            continue
    holds = number.stated.holds({name: found.mean for name, found in ours.items()})
    verdict = _verdict(number, ours, holds)
    shown = [number.measure[name] for name in ours] + [number.beside[name] for name in beside]
    return Line(
        number,
        verdict,
        reason=missing.reason if missing else None,
        command=missing.command if missing else None,
        ours=ours,
        beside=beside,
        holds=holds,
        quick=_quick([number.measure[name] for name in ours], evidence),
        quick_beside=_quick([number.beside[name] for name in beside], evidence),
        data=_data([number.measure[name] for name in ours], evidence),
        flags=_raised(shown, evidence, flags),
    )


def _alike(number: Number, evidence: Evidence) -> Evidence:
    """The evidence with what this number compares trained alike, where that was judged."""
    names: dict[str, list[str]] = {}
    for measure in number.measure.values():
        names.setdefault(measure.dataset, []).extend(models_of(measure))
    known = {name: known.alike(names.get(name, ())) for name, known in evidence.known.items()}
    return replace(evidence, known=known)


def _raised(
    measures: Sequence[Measure], evidence: Evidence, flags: Mapping[tuple[str, str], tuple[ModelInfo, list[str]]]
) -> dict[str, list[str]]:
    """The flags of the models that measurements were made of, by their names."""
    found = {}
    for measure in measures:
        model, raised = flags.get((measure.dataset, measure.model), (None, []))
        if raised and model == evidence.known[measure.dataset].models[measure.model]:
            found[measure.model] = raised
    return found


def _quick(measures: Sequence[Measure], evidence: Evidence) -> dict[str, str]:
    """The models of quick recipes that measurements met, and how short a training each had."""
    met = {name: evidence.known[measure.dataset].models[name] for measure in measures for name in models_of(measure)}
    return {name: note for name, model in met.items() if (note := model.effort) is not None}


def _data(measures: Sequence[Measure], evidence: Evidence) -> str:
    """The notes of the datasets of measurements."""
    notes = [evidence.known[measure.dataset].dataset.note for measure in measures]
    return "; ".join(dict.fromkeys(note for note in notes if note))


def _verdict(number: Number, ours: dict[str, Ours], holds: bool | None) -> Verdict:
    """`match`: every published number is met, and the claim not refuted. Else `direction`, where the claim holds."""
    if number.published and number.published.keys() <= ours.keys():
        gaps = {name: abs(ours[name].mean - statistics.fmean(given)) for name, given in number.published.items()}
        # Both sides are decimals: a difference of the tolerance itself is within it, whatever binary makes of it.
        if holds is not False and all(gap <= number.tolerance[name] + 1e-9 for name, gap in gaps.items()):
            return "match"
    if holds is None or not number.measure.keys() <= ours.keys():
        return "not run"
    return "direction" if holds else "differs"


# -- one number -------------------------------------------------------------------------------------------------------


def _measured(measure: Measure, evidence: Evidence) -> Ours:
    """A measurement over all training runs of its model.

    Raises:
        NotRun: there is no record of it, or none that it can be told from.
    """
    hindrance = obstacle(measure, evidence)
    if hindrance is not None:
        raise NotRun(hindrance)
    known = evidence.known[measure.dataset]
    unmade = [name for name in models_of(measure) if name not in known.models]
    if unmade:
        raise _missing(measure, evidence, f"model {' and '.join(unmade)} is not made yet", "bench paper")
    values = []
    for run in known.runs(measure, known.models):
        try:
            values.append(_value(run, evidence))
        except NotRun:
            if run == measure:
                raise
    means = [value for value, _ in values]
    spread = statistics.stdev(means) if len(means) > 1 else None
    return Ours(statistics.fmean(means), spread, len(means), values[0][1])


def _missing(measure: Measure, evidence: Evidence, reason: str, command: str) -> NotRun:
    """What is missing and what makes it; where the data could not be had, that is the reason."""
    unreadable = evidence.unreadable.get(measure.dataset)
    return NotRun(reason, command) if unreadable is None else NotRun(unreadable, "bench paper --data FOLDER")


def _value(measure: Measure, evidence: Evidence) -> tuple[float, int]:
    """The number and what it counts."""
    known = evidence.known[measure.dataset]
    cells = cells_of(measure, known.dataset, known.models)
    row = _row(measure, cells, measure.model, evidence)
    if measure.compares:
        return _agreement(measure, cells, row, evidence)
    if measure.number == "confidence_on_mistakes":
        value = row.mean("confidence_on_mistakes")
        if value is None:
            raise NotRun("there are no mistakes to be confident of, or no probabilities")
        counted = row.total("successes") if row.cell.criterion.asks_confidence else row.total("errors")
        return value, counted
    if measure.number == "confidence":
        value = row.mean("confidence")
        if value is None:
            raise NotRun(f"{measure.model} gives no probabilities")
        return value, row.n
    if measure.number == "error":
        return _error(row), row.n
    return _by_class(measure, row)


def _row(measure: Measure, cells: Sequence[Cell], target: str, evidence: Evidence, clean: bool = False) -> Measured:
    """The cells of the measurement's attack, or of the clean pass, on a target, joined over slices."""
    entry = CLEAN if clean else entry_of(measure)
    mine = tuple(cell for cell in cells if cell.target.name == target and cell.craft.attack.name == entry.attack)
    for cell in mine:
        if cell.id not in evidence.records:
            if cell.id in evidence.failures:
                failure = evidence.failures[cell.id]
                raise NotRun(f"failed: {failure.kind}: {failure.message}", "bench paper")
            ready = evidence.known[measure.dataset].ready
            made = {model.name for model in (cell.target, cell.craft.source) if model} <= ready
            raise _missing(
                measure, evidence, f"no record of {cell}", "bench paper" if made else "bench paper --budget full"
            )
    results = tuple(evidence.records[cell.id].result for cell in mine)
    for result in results:
        if result.status != "ok":
            raise NotRun(f"{target}: {result.reason}")
    return Measured(entry, mine, results, "ok", None)


def _error(row: Measured) -> float:
    if row.cell.criterion.asks_confidence:
        if any(result.successes is None for result in row.results):
            raise NotRun(f"{row.target.name} gives no probabilities that the criterion could hold to")
        return row.total("successes") / row.n
    abstained = row.total("abstentions") if row.attack == "clean" else 0
    return (row.total("errors") + abstained) / row.n


def _agreement(measure: Measure, cells: Sequence[Cell], row: Measured, evidence: Evidence) -> tuple[float, int]:
    """How often the target gives the same wrong class as another model: section 8."""
    assert measure.source is not None
    other = _row(measure, cells, measure.of or measure.source, evidence)
    true = _row(measure, cells, measure.model, evidence, clean=True).true
    over = mistaken(other.predicted, true)
    if measure.number != "agreement":
        over &= mistaken(row.predicted, true)
    if not over.any():
        raise NotRun("there are no mistakes to agree on")
    first, second = row.predicted[over], other.predicted[over]
    if measure.number == "chance_when_both_err":
        shares = [
            np.bincount(labels, minlength=int(max(first.max(), second.max())) + 1) / len(labels)
            for labels in (first, second)
        ]
        return float(shares[0] @ shares[1]), len(first)
    return float((first == second).mean()), len(first)


def _by_class(measure: Measure, row: Measured) -> tuple[float, int]:
    """Shares of classes among the successes, and success by the class that was to be reached: appendix A."""
    counts = [result.success_classes for result in row.results if result.success_classes is not None]
    if len(counts) < len(row.results):
        raise NotRun(f"{measure.model} gives no probabilities that the criterion could hold to")
    successes = np.sum(counts, axis=0)
    if measure.number == "class_share":
        total = int(successes.sum())
        if not total:
            raise NotRun("there are no successes to share out")
        return float(successes[measure.label] / total), total
    if row.goal is None:
        raise NotRun(f"attack {measure.attack} aims at no class")
    asked = np.bincount(row.goal[row.goal >= 0], minlength=len(successes))
    if measure.number == "class_success":
        return float(successes[measure.label] / asked[measure.label]), int(asked[measure.label])
    return float((successes[asked > 0] / asked[asked > 0]).mean()), int(asked.sum())


# -- flags ------------------------------------------------------------------------------------------------------------


def _flags(numbers: Numbers, evidence: Evidence) -> dict[tuple[str, str], tuple[ModelInfo, list[str]]]:
    """Flags of the boards' rows, with the model that has them, by dataset and name, on the test split."""
    found: dict[tuple[str, str], tuple[ModelInfo, list[str]]] = {}
    for name, known in evidence.known.items():
        asked = [
            run
            for measure in numbers.measures
            if measure.dataset == name and measure.split == "test" and obstacle(measure, evidence) is None
            for run in known.runs(measure, known.models)
            if set(models_of(run)) <= known.models.keys()
        ]
        if asked:
            view = View(suite_of(asked), known.dataset, evidence.records, evidence.failures, known.models)
            for row in rows(view):
                found[name, row.model] = known.models[row.model], row.flags
    return found
