"""What the records of a model say against its numbers: computed whenever a board is made, never stored.

Most flags say that a robust accuracy is likely to flatter the model: another attack of the same size fools it where its
own does not. Single examples where noise beats an attack always exist, so every comparison is a one-sided exact McNemar
test over all examples that both cover, the tests of one model are corrected for their number (Holm 1979), and an effect
is asked for. A model's own attacks of one size count together, example by example: it is as weak as under the worst.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.board.measured import Measured, mistaken
from bench.board.standing import standing
from bench.board.statistics import holm, mcnemar_greater
from bench.board.view import View

FAMILY = 0.05
"""Level of all comparisons of one kind and model together."""
EFFECT = {"weaker-than-noise": 0.005, "weaker-than-transfer": 0.005, "iterated-weaker": 0.005, "single-step": 0.05}
"""Share of all examples by which one side must fool more than the other. At 5 points and a level of 5%, a true gap of
ten is found with probability .9 over 500 examples, mistakes of both sides being independent."""
NOT_STARTED = "not-started"
"""Of a model that was asked for again and did not start: its records are of before."""
LEVEL = 0.01
"""Of one comparison of an attack with itself at another size, or with no attack at all."""
UNRANKED = {
    "one-class": "one class: it gives one label for everything",
    "classes-renamed": "classes renamed: it is right under other names of its classes",
    "at-chance": "at chance: no better than always giving the commonest class",
    "randomised": "randomised: two passes over the same inputs differ",
    "not-repeatable": "not repeatable: asked again, it gives another label",
    "order-dependent": "order-dependent: its labels depend on what else is in the batch, or on being alone",
}
"""Flags of models that have no rank, and what their status says; of several, the first that is here."""


def unranked(flags: Collection[str]) -> str | None:
    """Why a model with these flags has no rank; None where it may have one."""
    return next((reason for flag, reason in UNRANKED.items() if flag in flags), None)


@dataclass(frozen=True)
class Said:
    """What is said against one model."""

    flags: list[str]
    """In alphabetical order."""
    unranked: str | None
    """Why it has no rank, with the numbers behind that; None where it may have one."""
    tests: int
    """How often one attack was held against another."""


def said(view: View, target: str, flags: Iterable[str] = ()) -> Said:
    """What is said against a model: what others found, its clean pass, asking again, and its attacks.

    Args:
        view: of the suite.
        target: name of the model.
        flags: what its cells carry.
    """
    rows = view.of(target)
    standing, tests = _standing(rows), comparisons(view, target)
    found = {*flags, *standing, *(finding for row in rows for finding in row.findings)}
    found |= {test.flag for test in tests if test.holds}
    found.update(flag for row in _attacked(rows) for flag in _alone(row, rows, view))
    reason = unranked(found)
    numbers = standing.get(next((flag for flag in UNRANKED if flag in found), ""))
    return Said(sorted(found), f"{reason} ({numbers})" if numbers else reason, len(tests))


def _standing(rows: Iterable[Measured]) -> dict[str, str]:
    """What the clean pass says, over most examples where there are several."""
    passes = [row for row in rows if row.made.role == "clean" and row.status == "ok"]
    clean = max(passes, key=lambda row: row.n, default=None)
    return {} if clean is None else standing(clean.predicted, clean.true)


# -- an attack beside itself ------------------------------------------------------------------------------------------


def _attacked(rows: Iterable[Measured]) -> list[Measured]:
    return [row for row in rows if row.status == "ok" and row.threat.eps is not None]


def _own(rows: Iterable[Measured]) -> list[Measured]:
    """The untargeted white-box rows among some."""
    return [row for row in rows if row.cell.white_box and row.goal is None]


def _alone(row: Measured, rows: list[Measured], view: View) -> Iterator[str]:
    """Flags that a white-box row earns beside no attack, and beside itself at other sizes."""
    clean = view.clean_of(row)
    if clean is None or not _own([row]):
        return
    climbs = row.made.role == "gradient"
    if climbs and row.threat.clip is None and row.total("unmoved"):  # where the range cuts, a step may come to nothing
        yield "zero-gradient"
    if climbs and row.made.single_step and _beats(clean, row, clean):
        yield "label-leaking"
    for other in _attacked(rows):
        grown = other.threat.size < row.threat.size
        alike = (other.threat.norm, other.threat.clip) == (row.threat.norm, row.threat.clip)
        if grown and alike and other.crafted == row.crafted and _beats(other, row, clean, by=0.002):
            yield "not-monotone"


def _beats(first: Measured, second: Measured, clean: Measured, by: float = 0.0) -> bool:
    """Whether `first` fools the target on significantly more of the same examples, `by` at the least."""
    fooled, other = mistaken(first.predicted, clean.true), mistaken(second.predicted, clean.true)
    more, less = int((fooled & ~other).sum()), int((other & ~fooled).sum())
    return more - less > by * len(clean.true) and bool(mcnemar_greater(more, less) < LEVEL)


# -- one attack beside others -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """One test of one model, and whether it holds once all of them are counted."""

    flag: str
    more: int
    """Examples that the one side fools, and the other not."""
    less: int
    n: int
    holds: bool


def comparisons(view: View, target: str) -> list[Comparison]:
    """All tests of a model in which one attack is held against another of the same norm, range and size."""
    tests = []
    by_size = sorted(_attacked(view.of(target)), key=_size)
    for _, same in groupby(by_size, key=_size):
        tests += list(_held(list(same), view))
    # Whether FGSM is fooled is a question of its own, of an effect that is ten times as large.
    families = [[test for test in tests if (test.flag == "single-step") is alone] for alone in (False, True)]
    return [
        Comparison(*test, holds=bool(holds))
        for family in families
        for test, holds in zip(family, stronger(family), strict=True)
    ]


class Counts(NamedTuple):
    """One side fools `more` examples that the other does not, and the other `less`."""

    flag: str
    more: int
    less: int
    n: int


def stronger(tests: Collection[Counts]) -> NDArray[np.bool_]:
    """`(T,)` which of a family of tests hold; by chance alone any does in one family of twenty at most."""
    if not tests:
        return np.zeros(0, dtype=bool)
    more, less, n = (np.array([getattr(test, name) for test in tests]) for name in ("more", "less", "n"))
    effect = np.array([EFFECT[test.flag] for test in tests])
    sure = np.array(holm(mcnemar_greater(more, less))) < FAMILY
    return np.asarray(sure & (more - less >= effect * n))


def _size(row: Measured) -> tuple[str, str, float]:
    return str(row.threat.norm), str(row.threat.clip), row.threat.size


def _held(rows: list[Measured], view: View) -> Iterator[Counts]:
    """The tests among a model's rows of one size."""
    own = _own(rows)
    climbing = [row for row in own if row.made.role == "gradient"]
    for other in rows:
        # Guests craft on the references too, but who else has come must not change what is said of anybody.
        foreign = other.source is not None and not other.cell.white_box and other.source.name in view.references
        if other.goal is None and (other.made.role == "noise" or foreign):
            flag = "weaker-than-noise" if other.made.role == "noise" else "weaker-than-transfer"
            yield from _test(flag, [other], climbing or own, other, view)
    once = [row for row in climbing if row.made.single_step]
    often = [row for row in climbing if not row.made.single_step]
    if once and often:
        fewest = min([*once, *often], key=lambda row: row.n)
        yield from _test("single-step", often, once, fewest, view)
        yield from _test("iterated-weaker", once, often, fewest, view)


def _test(flag: str, first: list[Measured], second: list[Measured], asked: Measured, view: View) -> Iterator[Counts]:
    """The first rows together against the second, over the examples of one of them; none where these lack some."""
    clean = view.clean_of(asked)
    if clean is None:
        return
    one, other = _fooled(first, asked, clean.true), _fooled(second, asked, clean.true)
    if one is not None and other is not None:
        yield Counts(flag, int((one & ~other).sum()), int((other & ~one).sum()), len(one))


def _fooled(rows: list[Measured], asked: Measured, true: NDArray[np.int64]) -> NDArray[np.bool_] | None:
    """`(N,)` which of a row's examples any of some rows fools; None where none of them covers all of these."""
    found = [labels for row in rows if (labels := _at(row, row.predicted, asked)) is not None]
    return np.any([mistaken(labels, true) for labels in found], axis=0) if found else None


def _at(row: Measured, values: NDArray[np.int64], asked: Measured) -> NDArray[np.int64] | None:
    """The values of a row at another row's examples; None where it does not cover them."""
    if row.slices == asked.slices:
        return values
    place = np.searchsorted(row.index, asked.index)
    if place.max(initial=0) >= len(row.index) or not np.array_equal(row.index[place], asked.index):
        return None
    return np.asarray(values[place])
