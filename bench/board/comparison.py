"""Two models, or two versions of one, on the same examples: row by row the paired difference, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bench.board.paired import Paired
from bench.board.ranking import NOT_RUN
from bench.board.sides import Key, Outcome, Question, Side, outcomes
from bench.board.statistics import holm


@dataclass(frozen=True)
class Line:
    """One question that both answered, on the examples that are known of both."""

    question: Question
    index: NDArray[np.int64]
    """`(n,)` positions in the split."""
    paired: Paired
    """Right when clean and under whatever was asked."""
    clean: Paired
    """Right when clean."""
    equal: Paired
    """As `paired`, on the examples that both have right when clean: there both have the same clean accuracy, 1."""
    outcomes: tuple[Outcome, Outcome] = field(repr=False)
    p_value: float = 1.0
    """Of the exact McNemar test, by Holm's correction over all lines of the pair."""

    @property
    def n(self) -> int:
        return self.paired.n

    @property
    def lost(self) -> NDArray[np.int64]:
        """Positions in the split of the examples on which the baseline alone holds."""
        return self.index[self.paired.lost]

    @property
    def gained(self) -> NDArray[np.int64]:
        """Those on which the candidate alone holds."""
        return self.index[self.paired.gained]


@dataclass(frozen=True)
class Apart:
    """A question that the two cannot be compared by."""

    question: Question
    why: str


@dataclass(frozen=True)
class Pair:
    """A baseline and a candidate."""

    baseline: Side
    candidate: Side
    lines: tuple[Line, ...]
    apart: tuple[Apart, ...]

    @property
    def ranked(self) -> Line | None:
        """The line that the suite ranks by; None where there is none, or it cannot be compared."""
        by = self.candidate.view.suite.rank_by
        found = (line for line in self.lines if line.question.what == "worst")
        return next((line for line in found if by is not None and line.question.eps == by.eps), None)

    @property
    def clean(self) -> Line | None:
        """The line of the clean pass."""
        return next((line for line in self.lines if line.question.what == "clean"), None)


@dataclass(frozen=True)
class Comparison:
    """All pairs of two sets of models."""

    suite: str
    """Such as `mnist-fgsm v2`; of both, where they differ."""
    pairs: tuple[Pair, ...]
    gone: Mapping[str, str] = field(default_factory=dict)
    """Models of the baseline that the candidate has not, each with the reason."""
    new: Sequence[str] = ()
    """Models of the candidate that the baseline has not."""
    met: Sequence[str] = ()
    """Models that both only met in transfer, and nobody ran."""


def outdated(pairs: Sequence[Pair]) -> list[str]:
    """A sentence for each model whose numbers are of records from before a start of it that failed."""
    sides = [side for pair in pairs for side in (pair.baseline, pair.candidate)]
    starts = {side.called: start for side in sides if (start := side.view.outdated(side.name)) is not None}
    return [f"The records of {called} are older than its last run: {start}." for called, start in starts.items()]


def compared(baseline: Side, candidate: Side) -> Pair:
    """Two sides, example by example."""
    first, second = outcomes(baseline), outcomes(candidate)
    lines, apart = [], []
    for key in _in_order(first, second):
        one, other = first.get(key), second.get(key)
        question = (one or second[key]).question
        if question.source in (baseline.name, candidate.name) and None in (one, other):
            continue  # crafted on one of the two: its own attack there, and transfer here
        why = _apart(key, one, other, baseline, candidate)
        if why is None and one is not None and other is not None:
            lines.append(_line(one, other))
        else:
            apart.append(Apart(question, why or ""))
    corrected = holm([line.paired.p_value for line in lines])
    told = (replace(line, p_value=p) for line, p in zip(lines, corrected, strict=True))
    return Pair(baseline, candidate, tuple(told), tuple(apart))


def _in_order(first: Mapping[Key, Outcome], second: Mapping[Key, Outcome]) -> list[Key]:
    """Every question once: what is asked of all attacks together first."""
    order = ("clean", "worst", "certified", "attack")
    keys = dict.fromkeys([*first, *second])
    return sorted(keys, key=lambda key: order.index((first.get(key) or second[key]).question.what))


def _apart(key: Key, one: Outcome | None, other: Outcome | None, baseline: Side, candidate: Side) -> str | None:
    """Why two outcomes cannot be compared; None where they can."""
    if baseline.view.dataset.checksum != candidate.view.dataset.checksum:
        return "the data differ: " + " and ".join(_data(side) for side in (baseline, candidate))
    if key[0] in ("worst", "certified") and baseline.suite != candidate.suite:
        return f"suite versions differ: the worst is of other attacks in {baseline.suite} and {candidate.suite}"
    for found, side in ((one, baseline), (other, candidate)):
        if found is None and key[0] == "certified":
            return f"nothing certifies {side.called}"
        if found is None:
            return f"not asked of {side.called}"
        if (why := unanswered(found, side.called)) is not None:
            return why
    assert one is not None
    assert other is not None
    if one.slices != other.slices:
        sizes = " and ".join(over(found, side) for found, side in ((one, baseline), (other, candidate)))
        return f"slices differ: {sizes}"
    if one.source != other.source:
        return f"crafted on two versions of {one.question.source}"
    if not len(np.intersect1d(one.index, other.index)):
        return "no example is known of both"
    return None


def unanswered(found: Outcome, called: str) -> str | None:
    """Why an outcome of a model so called can be compared with nobody's; None where it can."""
    if found.question.role in ("rubbish", "generated"):
        return "generated inputs: records keep no verdict on each of them"
    if found.status == "ok":
        return None
    told = {"missing": "not run", "unsupported": "does not apply", "error": "error"}[found.status]
    known = found.reason if found.status != "missing" or not str(found.reason).startswith(NOT_RUN) else None
    return f"{told} on {called}" + (f": {known}" if known else "")


def _data(side: Side) -> str:
    return f"{side.view.dataset.name} {side.view.dataset.checksum[:12]}"


def over(found: Outcome, side: Side) -> str:
    """The examples of an outcome, such as `a sample of 200 of 10000 for knn`."""
    parts = [getattr(part, name, 0) for part in found.slices for name in ("n", "of")]
    size, whole = sum(parts[::2]), max(parts[1::2], default=0)
    sampled = any(getattr(part, "partial", False) for part in found.slices)
    return f"{'a sample of ' if sampled else ''}{size} of {whole} for {side.called}"


def _line(one: Outcome, other: Outcome) -> Line:
    index, ours, theirs = np.intersect1d(one.index, other.index, assume_unique=True, return_indices=True)
    success, right = (one.success[ours], other.success[theirs]), (one.right[ours], other.right[theirs])
    both = right[0] & right[1]
    equal = Paired.of(success[0][both], success[1][both])
    paired, clean = Paired.of(*success), Paired.of(*right)
    return Line(replace(one.question, n=len(index)), index, paired, clean, equal, (one, other))
