"""The scoreboard: every published number with ours beside it and a verdict. A pure function of numbers and evidence."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from bench.paper.evidence import Evidence
from bench.paper.numbers import Measure, Number, Numbers
from bench.paper.ours import Boards, NotRun, Ours, measured
from bench.paper.protocol import models_of

Verdict = Literal["match", "direction", "differs", "not run"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
GIVEN = {"id", "where", "what", "conditions", "tolerance", "because", "claim", "tried"}
TOLD = ("verdict", "holds", "reason", "command", "quick", "quick_beside", "data", "flags")


@dataclass(frozen=True)
class Line:
    """One line of the scoreboard."""

    number: Number
    verdict: Verdict
    reason: str | None = None
    """Why it was not run, or what a figure shows."""
    command: str | None = None
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
        values = number.model_dump(include=GIVEN) | {name: getattr(self, name) for name in TOLD}
        return values | {
            "published": {name: statistics.fmean(values) for name, values in number.published.items()},
            "ours": {name: asdict(found) for name, found in self.ours.items()},
            "beside": {name: asdict(found) for name, found in self.beside.items()},
            "open": {key: text for key, text in number.open if text},
        }


def scoreboard(numbers: Numbers, evidence: Evidence) -> list[Line]:
    """A line for every number, in the order of the file."""
    boards = Boards(numbers, evidence)
    return [_line(number, evidence, boards) for number in numbers.all]


def _line(number: Number, evidence: Evidence, boards: Boards) -> Line:
    if number.lacks:
        return Line(number, "not run", number.lacks)
    if number.figure:
        finding = evidence.figures.get(number.id)
        if finding is None:
            return Line(number, "not run", *evidence.undrawn.get(number.id, ("it is not drawn yet", "bench paper")))
        verdict: Verdict = ("match" if finding.as_published else "direction") if finding.shows else "differs"
        return Line(number, verdict, finding.finding, figure=finding.figure)
    boards = replace(boards, evidence=_alike(number, evidence))
    ours, missing = _measured(number.measure, boards)
    beside, _ = _measured(number.beside, boards)
    holds = number.stated.holds({name: found.mean for name, found in ours.items()})
    mine, others = [number.measure[name] for name in ours], [number.beside[name] for name in beside]
    rows = {measure.model: boards.row(measure, measure.model) for measure in (*mine, *others)}
    return Line(
        number,
        _verdict(number, ours, holds),
        *missing,
        ours=ours,
        beside=beside,
        holds=holds,
        quick=_quick(mine, boards),
        quick_beside=_quick(others, boards),
        data="; ".join(dict.fromkeys(note for measure in mine if (note := boards.known(measure).dataset.note))),
        flags={name: row.flags for name, row in rows.items() if row.flags},
    )


def _alike(number: Number, evidence: Evidence) -> Evidence:
    """The evidence with what this number compares trained alike, where that was judged."""
    names: dict[str, list[str]] = {}
    for measure in number.measure.values():
        names.setdefault(measure.dataset, []).extend(models_of(measure))
    known = {name: known.alike(names.get(name, ())) for name, known in evidence.known.items()}
    return replace(evidence, known=known)


def _measured(measures: Mapping[str, Measure], boards: Boards) -> tuple[dict[str, Ours], tuple[str | None, str | None]]:
    """What there is of measurements, and why the first of the others is not, with what would run it."""
    found, missing = {}, []
    for name, measure in measures.items():
        try:
            found[name] = measured(measure, boards)
        except NotRun as why:
            missing.append(why.args)
    reason, command = missing[0] if missing else (None, None)
    return found, (reason, command)


def _quick(measures: Sequence[Measure], boards: Boards) -> dict[str, str]:
    """The models of quick recipes that measurements met, and how short a training each had."""
    met = {name: boards.known(measure).models[name] for measure in measures for name in models_of(measure)}
    return {name: model.effort for name, model in met.items() if model.effort is not None}


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
