"""The scoreboard for people: a table for the terminal, and `paper.md`."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from bench.paper.numbers import Group, Number, Numbers, Values
from bench.paper.protocol import models_of
from bench.paper.scoreboard import VERDICTS, Line, Ours
from bench.report.cells import percent
from bench.report.table import Table, markdown_safe

HEADERS = ("id", "where", "published", "ours", "n", "verdict")

HEAD = """\
# The paper's numbers, and ours

Written by `bench paper` from the published numbers (`bench/paper/numbers.yaml`) and the records of runs. No number of
ours is typed by hand, except for earlier trials under "Tried". All rates are in %.

- **match**: every published number is met within the tolerance that the row states.
- **direction**: not all digits are met, or there are none, but what the publication concludes holds: the row's claim.
- **differs**: the claim does not hold.
- **not run**: something is missing, and the row says what.

**quick** beside a verdict: measured on models that were trained for so many epochs only, by the quick recipes of
`bench paper --budget quick`. Such a verdict is of these models, not of those of the publication.

**stand-in** beside a verdict: measured on other data in place of the official ones; the row says on what.

**error** is the share of all examples labelled wrongly (of rubbish: called some class with a probability above the
criterion's), **confidence** the mean probability of the class given, over the mistakes. A tolerance is the largest
distance from the published number. ± is the standard deviation over training runs, where there are several.
"""


def tables(lines: Sequence[Line]) -> list[Table]:
    """The scoreboard, and why rows of it were not run."""
    idle = [line for line in lines if line.verdict == "not run"]
    reasons = tuple((line.number.id, line.reason or "", line.command or "") for line in idle)
    made = [_table(lines, "Published numbers and ours, %")]
    return [*made, Table("Not run", ("id", "reason", "to run it"), reasons)] if idle else made


def _table(lines: Sequence[Line], title: str) -> Table:
    return Table(title, HEADERS, tuple(_row(line) for line in lines), summary(lines))


def summary(lines: Sequence[Line]) -> str:
    """How many lines have which verdict."""
    return ", ".join(f"{sum(line.verdict == verdict for line in lines)} {verdict}" for verdict in VERDICTS)


def document(numbers: Numbers, lines: Sequence[Line]) -> str:
    """`paper.md`: a table for every group, and below it what stands behind each row."""
    of = {line.number.id: line for line in lines}
    parts = [HEAD, f"In all: {summary(lines)}.\n"]
    for group in numbers.groups:
        mine = [of[number.id] for number in group.numbers]
        parts.append(f"## {group.title}\n\nFrom {_source(numbers, group)}.\n")
        parts.append(_table(mine, group.title).markdown().partition("\n\n")[2] + "\n")
        for line in mine:
            parts.append(f"**{line.number.id}**: {markdown_safe(line.number.what)}\n")
            if line.figure:
                parts.append(f"![{line.number.id}](figures/{line.figure})\n")
            parts.append(f"{_notes(line)}\n")
    return "\n".join(parts)


def _source(numbers: Numbers, group: Group) -> str:
    return numbers.sources[group.source]


def _row(line: Line) -> tuple[str, ...]:
    number = line.number
    told = {name: found for name, found in line.ours.items() if name in number.published or not number.published}
    counts = sorted({found.n for found in told.values()}, reverse=True)
    return (
        number.id,
        number.where,
        ", ".join(f"{name} {_published(values)}" for name, values in number.published.items()),
        _ours(told),
        ", ".join(str(count) for count in counts),
        _verdict(line),
    )


def _verdict(line: Line) -> str:
    asides = ["stand-in"] if line.data else []
    if line.quick:
        asides.append(f"quick: {'; '.join(dict.fromkeys(line.quick.values()))}")
    return f"{line.verdict} ({', '.join(asides)})" if asides else line.verdict


def _published(values: Values) -> str:
    return f"{100 * statistics.fmean(values):.4g}"


def _ours(found: Mapping[str, Ours]) -> str:
    return ", ".join(f"{name} {_one(value)}" for name, value in found.items())


def _one(value: Ours) -> str:
    if value.spread is None:
        return _rate(value.mean)
    return f"{_rate(value.mean)} ± {100 * value.spread:.2f} ({value.runs} runs)"


def _rate(share: float) -> str:
    """In percent; small rates with the two decimals that clean errors are published with."""
    return f"{100 * share:.2f}" if share < 0.1 else percent(share)


def _notes(line: Line) -> str:
    return "\n".join(f"- {markdown_safe(note)}" for note in _told(line))


def _told(line: Line) -> Iterator[str]:
    number = line.number
    if number.conditions:
        yield f"Conditions: {_conditions(number)}."
    if number.tolerance:
        tolerances = ", ".join(f"{name} ±{100 * gap:g}" for name, gap in number.tolerance.items())
        yield f"Tolerance: {tolerances}; {number.because}"
    if line.ours.keys() - number.published.keys():
        yield f"Measured: {_ours(line.ours)}."
    if number.claim:
        state = {True: "holds", False: "does not hold", None: "not known"}[line.holds]
        yield f"Claim: {number.claim}: {state}."
    for choice, text in number.open:
        if text:
            yield f"Left open, {choice}: {text}"
    if line.beside:
        yield f"Beside it: {_ours(line.beside)}."
    if line.data:
        yield f"On: {line.data}."
    quick = line.quick | line.quick_beside
    if quick:
        met = {name for found in (number.measure, number.beside) for part in found.values() for name in models_of(part)}
        rest = "; the others by their full recipes" if met - quick.keys() else ""
        yield f"Quick recipes: {', '.join(f'{name} ({training})' for name, training in quick.items())}{rest}."
    if line.flags:
        raised = [f"{model} {', '.join(found)}" for model, found in line.flags.items()]
        yield f"Flags: {'; '.join(raised)}."
    if number.tried:
        yield f"Tried: {number.tried}"
    if line.reason:
        remedy = f" To run it: {line.command}." if line.command else ""
        yield f"{'Not run: ' if line.verdict == 'not run' else 'Note: '}{line.reason}.{remedy}"


def _conditions(number: Number) -> str:
    flat = dict(number.conditions)
    for key in ("parameters", "criterion"):
        flat |= flat.pop(key, {})
    clip = {True: "clipped", False: "unclipped", None: ""}[flat.pop("clip", None)]
    return ", ".join([*(f"{key.replace('_', ' ')} {value}" for key, value in flat.items()), *filter(None, [clip])])
