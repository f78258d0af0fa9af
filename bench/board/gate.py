"""Whether a candidate may pass: it fails closed, so what cannot be told counts against it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.board.comparison import Comparison, Line, Pair
from bench.board.measured import Measured
from bench.board.rows import WORST, Row
from bench.board.sides import asked_in, foreign
from bench.board.versions import REFITTED
from bench.errors import UsageError, unknown

COLUMNS = {"worst": "robust_accuracy", "clean": "clean_accuracy", "certified": "certified"}
"""Of the row that a model is ranked by, what a bound may be set on."""
LEVEL = 0.05
"""Of the tests of rows that the gate does not look at."""


def regressions(found: Comparison, points: float) -> dict[str, str]:
    """Why a comparison fails, by model; nothing where it passes.

    A model regresses where the whole 95% interval of its drop, in the column that the suite ranks by, lies beyond
    `points` percentage points. It fails as well where there is nothing to compare, where it has an error or no rank,
    where it was asked for again and did not start, or where a cell is missing: also one that the baseline answers and
    that is not asked of it, or does not apply to it, because its worst case is of fewer attacks then.
    """
    why = {pair.candidate.called: reason for pair in found.pairs if (reason := regression(pair, points)) is not None}
    why |= {name: f"it is gone: {reason}" for name, reason in found.gone.items()}
    if not found.pairs and not why:
        why[found.suite] = "nothing is comparable: no model is on both sides"
    return why


def regression(pair: Pair, points: float) -> str | None:
    """Why a candidate fails beside its baseline; None where it passes."""
    reason = next(_untold(pair), None)
    line = pair.ranked
    if reason is not None or line is None:
        return reason or "nothing is comparable in the column that the suite ranks by"
    least, most = (-100 * end for end in reversed(line.paired.interval))
    if least > points:
        drop = -100 * line.paired.difference
        return f"regression: a drop of {drop:.1f} points, 95% {least:.1f} to {most:.1f}, beyond {points:g}"
    return None


def unseen(found: Comparison) -> list[str]:
    """A line for each pair that passes for want of anything to lose, while other rows are surely worse."""
    lines = []
    for pair in found.pairs:
        worse = [line for line in pair.lines if line.p_value < LEVEL and line.paired.difference < 0]
        if pair.ranked is not None and worse and pair.ranked not in worse:
            most = min(worse, key=lambda line: line.paired.difference)
            lines.append(
                f"but {pair.candidate.called} is worse in {len(worse)} other rows (Holm at {LEVEL:g}), at most by "
                f"{-100 * most.paired.difference:.1f} points ({_asked(most)}); the gate looks at the ranked column "
                f"alone, where the baseline has {100 * pair.ranked.paired.baseline / max(1, pair.ranked.n):.1f}%"
            )
    return lines


def _asked(line: Line) -> str:
    size = "" if line.question.eps is None else f" {line.question.eps:g}"
    return f"{line.question.attack if line.question.what == 'attack' else line.question.what}{size}"


def _untold(pair: Pair) -> Iterator[str]:
    """Reasons for which a candidate's numbers cannot be trusted to be all there."""
    rows = pair.candidate.view.of(pair.candidate.name)
    for status, told in (("error", "error"), ("missing", "missing cell")):
        found = [row for row in rows if row.status == status]
        if found:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            reason = f": {found[0].reason}" if found[0].reason else ""
            yield f"{told}: {_called(found[0])}{more}{reason}"
    start = pair.candidate.view.outdated(pair.candidate.name)
    if start is not None:
        yield f"its records are older than its last run: {start}"
    if pair.candidate.head.unranked is not None:
        yield f"it has no rank: {pair.candidate.head.unranked}"
    by = pair.candidate.view.suite.rank_by
    if by is None:
        yield f"suite {pair.candidate.suite} ranks by nothing"
    elif pair.ranked is None:
        why = (each.why for each in pair.apart if each.question.what == "worst" and each.question.eps == by.eps)
        yield f"nothing is comparable: {next(why, 'there is no ranked column')}"
    else:
        yield from _fewer(pair, pair.ranked)


def _fewer(pair: Pair, ranked: Line) -> Iterator[str]:
    """The attacks that the baseline's worst case is of, and the candidate's is not."""
    ours, theirs = (outcome.by for outcome in ranked.outcomes)
    answered = {asked_in(row) for row in theirs}
    # Crafted on one of the two, it is that model's own attack and the other's transfer.
    lacking = [
        row
        for row in ours
        if asked_in(row) not in answered and foreign(row) not in (pair.baseline.name, pair.candidate.name)
    ]
    if lacking:
        first = lacking[0]
        rows = pair.candidate.view.of(pair.candidate.name)
        there = (row for row in rows if row.status == "unsupported" and asked_in(row) == asked_in(first))
        row = next(there, None)
        why = "not asked of it" if row is None else f"does not apply: {row.reason}"
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        yield (
            f"a cell is missing: {_called(first)}{more} ({why}); "
            f"worst is of fewer attacks for {pair.candidate.called} than for {pair.baseline.called}"
        )


def _called(row: Measured) -> str:
    """Such as `fgsm from maxout, linf eps 0.25`: the cell without its target."""
    return str(row.cell).partition(", ")[2]


# -- one board --------------------------------------------------------------------------------------------------------


def bounds(texts: Iterable[str]) -> dict[str, float]:
    """The least share in [0, 1] of each column, from texts such as `worst=30`, in percent.

    Raises:
        UsageError: another column, or no percentage.
    """
    found = {}
    for text in texts:
        column, _, value = text.partition("=")
        if column not in COLUMNS:
            raise unknown("column of --fail-under", column, COLUMNS)
        try:
            percent = float(value)
        except ValueError:
            percent = math.nan
        if not 0 <= percent <= 100:
            raise UsageError(f"--fail-under {text}: give a percentage, such as {column}=30")
        found[column] = percent / 100
    return found


def below(rows: Sequence[Row], least: Mapping[str, float], models: Iterable[str]) -> list[str]:
    """A line for each of these models whose number, as the board shows it, is below its bound, or is not there."""
    if not least:
        return []
    ranked = {row.model: row for row in rows if row.attack == WORST}
    own = {model: ranked.get(model + REFITTED) or ranked.get(model) for model in models}  # as it is on this machine
    lines = [line for model, row in own.items() for line in _below(model, row, least)]
    return lines or ([] if ranked else ["no model has a number to hold to a bound"])


def _below(model: str, row: Row | None, least: Mapping[str, float]) -> Iterator[str]:
    for column, bound in least.items():
        value = None if row is None else getattr(row, COLUMNS[column])
        asked = f"{model}: {column} {100 * bound:g}% asked for"
        if row is None or row.status != "ok" or value is None:
            reason = "it has no ranked row" if row is None else row.reason or "the board has no number"
            yield f"{asked}, and {reason}"
        elif row.unranked is not None:
            yield f"{asked}, and it has no rank: {row.unranked}"
        elif value < bound:
            yield f"{asked}, and it has {100 * value:.2f}% of n = {row.n}"
