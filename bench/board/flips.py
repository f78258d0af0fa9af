"""The examples on which one side of a comparison holds and the other falls, and what it fell for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.board.comparison import Line, Pair
from bench.board.measured import Measured
from bench.board.sides import Outcome

Way = Literal["lost", "gained"]


@dataclass(frozen=True)
class Flip:
    """An example on which exactly one of two models holds."""

    position: int
    """In the split."""
    way: Way
    """`lost`: the baseline alone holds; `gained`: the candidate alone does."""
    true: int
    label: int | None
    """What the model that falls takes it for, -1 where it abstains; None where records do not tell."""
    under: Measured | None
    """The first that it falls for, the clean pass before all attacks."""


def shown(pair: Pair) -> Line | None:
    """The line whose examples are shown: the ranked one, or of a suite without ranks the last."""
    return pair.ranked or next((line for line in reversed(pair.lines) if line.question.what != "certified"), None)


def flips(line: Line, most: int | None) -> list[Flip]:
    """Those of a line, at most so many each way, the first of the split first; all without a number."""
    baseline, candidate = line.outcomes
    ways: tuple[tuple[Way, Outcome, list[int]], ...] = (
        ("lost", candidate, line.lost.tolist()),
        ("gained", baseline, line.gained.tolist()),
    )
    return [flip for way, fallen, found in ways for flip in _of(way, fallen, found[:most])]


def _of(way: Way, fallen: Outcome, positions: list[int]) -> Iterator[Flip]:
    clean = next((row for row in fallen.by if row.made.role == "clean"), None)
    if clean is None:
        return
    for position in positions:
        true = int(clean.true[np.searchsorted(clean.index, position)])
        labels = ((row, int(row.predicted[np.searchsorted(row.index, position)])) for row in fallen.by)
        under, label = next(((row, label) for row, label in labels if label != true), (None, None))
        yield Flip(position, way, true, label, under)
