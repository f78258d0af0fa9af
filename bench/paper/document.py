"""The scoreboard for people: a table for the terminal, and `paper.md`."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.paper.numbers import Number, Numbers
from bench.paper.ours import Ours
from bench.paper.protocol import models_of
from bench.paper.scoreboard import VERDICTS, Line
from bench.report.layout import percent
from bench.table import Table, markdown_safe

HEAD = Path(__file__).with_name("head.md")
"""What `paper.md` begins with."""
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


def tables(lines: Sequence[Line]) -> list[Table]:
    """The scoreboard for a terminal, without what only `paper.md` has room for, and why rows of it were not run."""
    done = tuple(_short(line) for line in lines if line.verdict != "not run")
    idle = [line for line in lines if line.verdict == "not run"]
    note = f"{summary(lines)}. {_shares(lines)}\n{LEGEND}"
    reasons = tuple((line.number.id, line.reason or "", line.command or "") for line in idle)
    found = [Table("Published numbers and ours, %", SHORT, done, note)] if done else []
    return [*found, Table("Not run", ("id", "reason", "to run it"), reasons)] if idle else found


def document(numbers: Numbers, lines: Sequence[Line]) -> str:
    """`paper.md`: a table for every group, and below it what stands behind each row."""
    of = {line.number.id: line for line in lines}
    parts = [HEAD.read_text(encoding="utf-8"), f"In all: {summary(lines)}. {_shares(lines)}\n"]
    for group in numbers.groups:
        mine = [of[number.id] for number in group.numbers]
        table = Table(group.title, HEADERS, tuple(_row(line) for line in mine), summary(mine))
        parts.append(f"## {group.title}\n\nFrom {numbers.sources[group.source]}.\n")
        parts.append(table.markdown().partition("\n\n")[2] + "\n")
        for line in mine:
            parts.append(f"**{line.number.id}**: {markdown_safe(line.number.what)}\n")
            if line.figure:
                parts.append(f"![{line.number.id}](figures/{line.figure})\n")
            parts.append("\n".join(f"- {markdown_safe(note)}" for note in _notes(line)) + "\n")
    return "\n".join(parts)


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


# -- rows -------------------------------------------------------------------------------------------------------------


def _short(line: Line) -> tuple[str, ...]:
    """A line's first numbers and its verdict."""
    ours = [f"{name} {_one(found, runs=False)}" for name, found in _headline(line).items()]
    shown = "figure" if line.figure else _first(ours, FEW)
    return line.number.id, _first(_published(line.number), FEW), shown, _verdict(line, efforts=False)


def _row(line: Line) -> tuple[str, ...]:
    number, told = line.number, _headline(line)
    ours = _first([f"{name} {_one(value)}" for name, value in told.items()], MANY)
    counts = sorted({found.n for found in told.values()}, reverse=True)
    return number.id, number.where, ", ".join(_published(number)), ours, ", ".join(map(str, counts)), _verdict(line)


def _headline(line: Line) -> dict[str, Ours]:
    """Our numbers that have a published one; all of them where none has."""
    published = line.number.published
    return {name: found for name, found in line.ours.items() if name in published or not published}


def _first(told: Sequence[str], room: int) -> str:
    """As many as there is room for, and how many more there are."""
    more = f", and {len(told) - room} more" if len(told) > room else ""
    return ", ".join(told[:room]) + more


def _verdict(line: Line, efforts: bool = True) -> str:
    asides = ["stand-in"] if line.data else []
    if line.quick:
        asides.append(f"quick: {'; '.join(dict.fromkeys(line.quick.values()))}" if efforts else "quick")
    return f"{line.verdict} ({', '.join(asides)})" if asides else line.verdict


def _published(number: Number) -> list[str]:
    return [f"{name} {100 * statistics.fmean(values):.4g}" for name, values in number.published.items()]


def _one(value: Ours, runs: bool = True) -> str:
    """In percent; small rates with the two decimals that clean errors are published with."""
    rate = f"{100 * value.mean:.2f}" if value.mean < 0.1 else percent(value.mean)
    if value.spread is None:
        return rate
    return f"{rate} ± {100 * value.spread:.2f}" + f" ({value.runs} runs)" * runs


# -- what stands behind a row -----------------------------------------------------------------------------------------


def _notes(line: Line) -> Iterator[str]:
    number = line.number
    if number.conditions:
        yield f"Conditions: {_conditions(number)}."
    if number.tolerance:
        tolerances = ", ".join(f"{name} ±{100 * gap:g}" for name, gap in number.tolerance.items())
        yield f"Tolerance: {tolerances}; {number.because}"
    if line.ours.keys() - number.published.keys():
        yield f"Measured: {', '.join(f'{name} {_one(value)}' for name, value in line.ours.items())}."
    if number.claim:
        state = {True: "holds", False: "does not hold", None: "not known"}[line.holds]
        yield f"Claim: {number.claim}: {state}."
    yield from (f"Left open, {choice}: {text}" for choice, text in number.open if text)
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
        raised = (f"{model} {', '.join(found)}" for model, found in line.flags.items())
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
    clip = {True: ["clipped"], False: ["unclipped"], None: []}[flat.pop("clip", None)]
    return ", ".join([*(f"{key.replace('_', ' ')} {value}" for key, value in flat.items()), *clip])
