"""Flags that compare cells: computed from the records whenever a board is made, never stored.

Each says that a robust accuracy is likely to flatter the model. Single examples where noise beats an attack always
exist, so every comparison is a one-sided exact McNemar test at p < 0.01 over all examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from bench.board.measured import Measured, mistaken
from bench.board.statistics import mcnemar_greater
from bench.board.view import View

LEVEL = 0.01
UNRANKED = {
    "randomised": "randomised: two passes over the same inputs differ",
}
"""Flags of models that have no rank, and what their status says."""


def unranked(flags: Iterable[str]) -> str | None:
    """Why a model with these flags has no rank; None where it may have one."""
    return next((UNRANKED[flag] for flag in flags if flag in UNRANKED), None)


def compared(view: View, target: str) -> list[str]:
    """Flags of one model, in alphabetical order."""
    rows = [row for row in view.of(target) if row.status == "ok" and row.threat.eps is not None]
    return sorted({flag for row in rows for flag in _flags_of(row, rows, view)})


def _flags_of(row: Measured, rows: list[Measured], view: View) -> Iterator[str]:
    """Flags that a white-box row earns beside the other rows of its target."""
    clean = view.clean_of(row)
    if clean is None or not row.cell.white_box or row.goal is not None:
        return
    climbs, once = row.made.role == "gradient", row.made.single_step
    if climbs and row.threat.clip is None and row.total("unmoved"):  # where the range cuts, a step may come to nothing
        yield "zero-gradient"
    if climbs and once and _beats(clean, row, clean):
        yield "label-leaking"
    for other in rows:
        if other is row or other.threat.norm != row.threat.norm or other.threat.clip != row.threat.clip:
            continue
        same_size, smaller = other.threat.eps == row.threat.eps, other.threat.size < row.threat.size
        if other.made.role == "noise" and same_size and _beats(other, row, clean):
            yield "weaker-than-noise"
        if other.source is not None and not other.cell.white_box and same_size and _beats(other, row, clean):
            yield "weaker-than-transfer"
        if other.crafted == row.crafted and smaller and _beats(other, row, clean, by=0.002):
            yield "not-monotone"
        iterated = other.made.role == "gradient" and not other.made.single_step
        if climbs and once and iterated and same_size and _beats(other, row, clean, by=0.05):
            yield "single-step"


def _beats(first: Measured, second: Measured, clean: Measured, by: float = 0.0) -> bool:
    """Whether `first` fools the target on significantly more of the examples that both rows cover, `by` at the least.

    It may be over a sample of the second's examples, which the clean pass is over.
    """
    true, there = _at(clean, clean.true, first), _at(second, second.predicted, first)
    if true is None or there is None:
        return False
    fooled, other = mistaken(first.predicted, true), mistaken(there, true)
    more, less = int((fooled & ~other).sum()), int((other & ~fooled).sum())
    return more - less > by * len(true) and bool(mcnemar_greater(more, less) < LEVEL)


def _at(row: Measured, values: NDArray[np.int64], asked: Measured) -> NDArray[np.int64] | None:
    """The values of a row at another row's examples; None where it does not cover them."""
    if row.slices == asked.slices:
        return values
    place = np.searchsorted(row.index, asked.index)
    if place.max(initial=0) >= len(row.index) or not np.array_equal(row.index[place], asked.index):
        return None
    return np.asarray(values[place])
