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
    falls: tuple[tuple[Measured, int], ...]
    """All that the other one falls for, the clean pass before all attacks, and what it then takes the example for, -1
    where it abstains; nothing where records do not tell."""

    @property
    def under(self) -> Measured | None:
        """The first that it falls for."""
        return self.falls[0][0] if self.falls else None

    @property
    def label(self) -> int | None:
        """What it takes the example for under that."""
        return self.falls[0][1] if self.falls else None


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
        yield Flip(position, way, true, tuple((row, label) for row, label in labels if label != true))
