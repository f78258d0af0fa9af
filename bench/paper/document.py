"""The scoreboard for people: a table for the terminal, and `paper.md`."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from bench.paper.numbers import Group, Number, Numbers, Values
from bench.paper.ours import Ours
from bench.paper.protocol import models_of
from bench.paper.scoreboard import VERDICTS, Line
from bench.report.cells import percent
from bench.table import Table, markdown_safe

HEADERS = ("id", "where", "published", "ours", "n", "verdict")

MANY = 4
"""Numbers that a cell of the document's table has room for; all of them stand below it."""

SHORT = ("id", "published", "ours", "verdict")
FEW = 2
"""Numbers that a cell has room for on a terminal."""

LEGEND = (
    "match: within the tolerance. direction: the claim holds. differs: it does not. quick: of short trainings. "
    "stand-in: on other data. ±: over training runs. paper.md has all numbers, conditions, claims and choices."
)

HEAD = """\
# The paper's numbers, and ours

Written by `bench paper` from the published numbers (`bench/paper/numbers.yaml`) and the records of runs. No number of
ours is typed by hand, except for earlier trials under "Tried". All rates are in %, but those in claims are fractions.

- **match**: every published number is met within the tolerance that the row states, and the claim is not refuted. Of a
  figure: it shows what the publication says of its own.
- **direction**: not all digits are met, or there are none, but what the publication concludes holds: the row's claim.
- **differs**: the claim does not hold.
- **not run**: something is missing, and the row says what.

**quick** beside a verdict: measured on models that were trained for so many epochs only, by the quick recipes of
`bench paper --budget quick`. Such a verdict is of these models, not of those of the publication.

**stand-in** beside a verdict: measured on other data in place of the official ones; the row says on what.

**error** is the share of all examples labelled wrongly (of rubbish: called some class with a probability above the
criterion's), **confidence** the mean probability of the class given, over the mistakes. A tolerance is the largest
distance from the published number. ± is the standard deviation over training runs, where there are several. Flags are
explained at the foot of the leaderboard.
"""


def tables(lines: Sequence[Line]) -> list[Table]:
    """The scoreboard for a terminal, without what only `paper.md` has room for, and why rows of it were not run."""
    done = [line for line in lines if line.verdict != "not run"]
    idle = [line for line in lines if line.verdict == "not run"]
    note = f"{summary(lines)}. {_shares(lines)}\n{LEGEND}"
    found = [Table("Published numbers and ours, %", SHORT, tuple(_short(line) for line in done), note)] if done else []
    reasons = tuple((line.number.id, line.reason or "", line.command or "") for line in idle)
    return [*found, Table("Not run", ("id", "reason", "to run it"), reasons)] if idle else found


def _short(line: Line) -> tuple[str, ...]:
    """A line's first numbers and its verdict."""
    published = [f"{name} {_published(values)}" for name, values in line.number.published.items()]
    ours = [f"{name} {_one(found, runs=False)}" for name, found in _headline(line).items()]
    shown = "figure" if line.figure else _first(ours, FEW)
    return (line.number.id, _first(published, FEW), shown, _verdict(line, efforts=False))


def _first(told: Sequence[str], room: int) -> str:
    """As many as there is room for, and how many more there are."""
    more = f", and {len(told) - room} more" if len(told) > room else ""
    return ", ".join(told[:room]) + more


def _table(lines: Sequence[Line], title: str) -> Table:
    return Table(title, HEADERS, tuple(_row(line) for line in lines), summary(lines))


def summary(lines: Sequence[Line]) -> str:
    """How many lines have which verdict."""
    return ", ".join(f"{sum(line.verdict == verdict for line in lines)} {verdict}" for verdict in VERDICTS)


def _shares(lines: Sequence[Line]) -> str:
    """The verdicts on whole trainings, on quick ones and on figures, so that none passes for another."""
    done = [line for line in lines if line.verdict != "not run"]
    shares = {
        "By whole trainings": [line for line in done if not (line.quick or line.number.figure)],
        "By quick ones, which `bench paper --budget full` replaces": [line for line in done if line.quick],
        "Figures": [line for line in done if line.number.figure],
    }
    return " ".join(f"{name}: {summary(part).rpartition(',')[0]}." for name, part in shares.items() if part)


def document(numbers: Numbers, lines: Sequence[Line]) -> str:
    """`paper.md`: a table for every group, and below it what stands behind each row."""
    of = {line.number.id: line for line in lines}
    parts = [HEAD, f"In all: {summary(lines)}. {_shares(lines)}\n"]
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


def _headline(line: Line) -> dict[str, Ours]:
    """Our numbers that have a published one; all of them where none has."""
    published = line.number.published
    return {name: found for name, found in line.ours.items() if name in published or not published}


def _row(line: Line) -> tuple[str, ...]:
    number = line.number
    told = _headline(line)
    counts = sorted({found.n for found in told.values()}, reverse=True)
    return (
        number.id,
        number.where,
        ", ".join(f"{name} {_published(values)}" for name, values in number.published.items()),
        _first([f"{name} {_one(value)}" for name, value in told.items()], MANY),
        ", ".join(str(count) for count in counts),
        _verdict(line),
    )


def _verdict(line: Line, efforts: bool = True) -> str:
    asides = ["stand-in"] if line.data else []
    if line.quick:
        asides.append(f"quick: {'; '.join(dict.fromkeys(line.quick.values()))}" if efforts else "quick")
    return f"{line.verdict} ({', '.join(asides)})" if asides else line.verdict


def _published(values: Values) -> str:
    return f"{100 * statistics.fmean(values):.4g}"


def _ours(found: Mapping[str, Ours]) -> str:
    return ", ".join(f"{name} {_one(value)}" for name, value in found.items())


def _one(value: Ours, runs: bool = True) -> str:
    if value.spread is None:
        return _rate(value.mean)
    return f"{_rate(value.mean)} ± {100 * value.spread:.2f}" + f" ({value.runs} runs)" * runs


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
        told = (f"{name} {_one(found)}{_otherwise(number, name)}" for name, found in line.beside.items())
        yield f"Beside it: {', '.join(told)}."
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


def _otherwise(number: Number, name: str) -> str:
    """Where a number beside was measured under other conditions than the row's first, those; models its name tells."""
    first, other = next(iter(number.measure.values())), number.beside[name]
    if other.attack == "clean":
        return ""
    changed = [other.attack] if other.attack != first.attack else []
    if other.clip != first.clip and other.eps is not None:
        changed.append("clipped" if other.clip else "unclipped")
    if other.n != first.n:
        changed.append(f"n {other.n}" if other.n else "all examples")
    for key, value in (other.parameters if other.attack == first.attack else {}).items():
        if first.parameters.get(key) != value:
            changed.append(f"{key.replace('_', ' ')} {value}")
    return f" ({', '.join(changed)})" if changed else ""


def _conditions(number: Number) -> str:
    flat = dict(number.conditions)
    for key in ("parameters", "criterion"):
        flat |= flat.pop(key, {})
    clip = {True: "clipped", False: "unclipped", None: ""}[flat.pop("clip", None)]
    return ", ".join([*(f"{key.replace('_', ' ')} {value}" for key, value in flat.items()), *filter(None, [clip])])
