"""Models under the worst of all attacks within a threat, and their ranks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.board.measured import Status, mistaken
from bench.board.statistics import ranks
from bench.board.view import View
from bench.planning.suite import RankBy
from bench.records.record import ModelInfo
from bench.threats import Threat


@dataclass(frozen=True)
class Worst:
    """A model under the worst of all attacks within the threat."""

    robust: NDArray[np.bool_]
    """`(N,)` right when clean and under every one of them."""
    right: int
    """How many are right when clean."""
    complete: bool
    """Whether every due cell is there, over all examples."""
    status: Status
    reason: str | None


def worst_cases(view: View) -> dict[str, Worst]:
    """The worst case of each model that the suite's ranking asks for and that something attacked."""
    by = view.suite.rank_by
    found = {} if by is None else {target.name: _worst(view, target, by) for target in view.targets()}
    return {name: worst for name, worst in found.items() if worst is not None}


def ranked(worst: dict[str, Worst], without: Collection[str]) -> dict[str, int]:
    """Ranks of the models whose worst case is complete, but for some names."""
    entrants = [name for name, found in worst.items() if found.complete and name not in without]
    return dict(zip(entrants, ranks([worst[name].robust for name in entrants]), strict=True))


def _worst(view: View, target: ModelInfo, by: RankBy) -> Worst | None:
    allowed = Threat(norm=by.norm, eps=by.eps, clip=view.dataset.bounds if by.clip else None)
    measured = view.of(target.name)
    # The whole split, or the short look that stands for it; a costly check over fewer examples does not rank.
    passes = [row for row in measured if row.made.role == "clean"]
    clean = max(passes, key=lambda row: sum(cell.craft.slice.n for cell in row.cells), default=None)
    if clean is None or clean.status == "missing":
        return None
    # Guests craft on the references too, but who else has come must not move anybody's rank.
    due = [
        row
        for row in measured
        if row.slices == clean.slices
        and row.threat.within(allowed)
        and (row.source is None or row.cell.white_box or row.source.name in view.references)
    ]
    right = clean.predicted == clean.true if clean.status == "ok" else np.zeros(0, dtype=bool)
    robust = right.copy()
    for row in due if clean.status == "ok" else ():
        if row.status == "ok":
            robust &= ~mistaken(row.predicted, clean.true)
    gap = next((row for row in (clean, *due) if row.status in ("error", "missing")), clean)
    status, reason = gap.status, gap.reason
    if gap is not clean:
        reason = reason or f"not run yet: {gap.cell}"
    absent = [name for name in view.suite.models if name not in view.references]
    if status == "ok" and absent and any(entry.sources == "all" for entry in view.suite.attacks):
        status, reason = "missing", f"no transfer from {', '.join(absent)} yet"
    if status == "ok" and not any(row.status == "ok" for row in due):
        return None  # nothing attacked it: the clean pass alone is no worst case
    short = any(cell.craft.slice.partial for cell in clean.cells)
    return Worst(robust, int(right.sum()), status == "ok" and not short, status, reason)
