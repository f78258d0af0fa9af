"""Models under the worst of all attacks within a threat, their ranks, and the places of guests among them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from bench.board.measured import Measured, Status, mistaken
from bench.board.proofs import Safe, certified
from bench.board.statistics import ranks, sides, won
from bench.board.view import View
from bench.planning.suite import RankBy
from bench.records.record import ModelInfo
from bench.threats import Threat

NOT_RUN = "not run yet"
"""How the reason of a worst case begins that lacks a cell."""


@dataclass(frozen=True)
class Worst:
    """A model under the worst of all attacks within the threat, on the examples that every one of them covers."""

    index: NDArray[np.int64]
    """`(n,)` these examples' positions in their split, ascending."""
    robust: NDArray[np.bool_]
    """`(n,)` right when clean and under every attack."""
    right: int
    """How many of them are right when clean."""
    complete: bool
    """Whether every due cell is there, and none of them is of a short look."""
    status: Status
    reason: str | None
    certified: Safe | None = None
    """What is right when clean and proved to stay so within the threat; None where nothing certifies."""
    by: tuple[Measured, ...] = ()
    """The attacks that it is the worst of."""


@dataclass(frozen=True)
class Standing:
    """Where a model stands: a rank among the suite's own models, or a guest's place among these."""

    rank: int | None = None
    place: str | None = None
    """Such as `between 3 and 4`."""
    order: float = float("inf")
    """Boards go by it, then by robust accuracy."""


def worst_cases(view: View) -> dict[str, Worst]:
    """The worst case of each model that the suite's ranking asks for and that something attacked."""
    by = view.suite.rank_by
    found = {} if by is None else {target.name: worst_case(view, target, by) for target in view.targets()}
    return {name: worst for name, worst in found.items() if worst is not None}


def standings(view: View, worst: Mapping[str, Worst], without: Collection[str]) -> dict[str, Standing]:
    """Ranks and places of the models whose worst case is complete, but for some names.

    The suite's own models are ranked among themselves, so that no guest ever moves them, and each guest is compared
    with each of them. A suite that has none ranks its guests among themselves.
    """
    entrants = [name for name, found in worst.items() if found.complete and name not in without]
    ranked = [name for name in entrants if name in view.references or not view.suite.models]
    size = view.dataset.sizes[view.suite.dataset.split]
    robust, fallen = ({name: _marked(worst[name], size, held) for name in entrants} for held in (True, False))
    their_robust, their_fallen = ([masks[name] for name in ranked] for masks in (robust, fallen))
    rank = dict(zip(ranked, ranks(their_robust, their_fallen), strict=True))
    found = {name: Standing(rank[name], None, rank[name]) for name in ranked}
    if ranked:
        shares = np.array([worst[name].robust.mean() for name in ranked])
        for name in entrants:
            if name not in rank:
                wins, losses = won([robust[name]], their_fallen)[0], won(their_robust, [fallen[name]])[:, 0]
                place = _place(sides(wins, losses), np.array(list(rank.values())), shares > worst[name].robust.mean())
                found[name] = place
    return found


def _marked(worst: Worst, size: int, held: bool) -> NDArray[np.bool_]:
    """`(size,)` of the whole split, the examples that are known to stay right, or not to."""
    mask = np.zeros(size, dtype=bool)
    mask[worst.index] = worst.robust if held else ~worst.robust
    return mask


def _place(side: NDArray[np.int64], rank: NDArray[np.int64], above: NDArray[np.bool_]) -> Standing:
    """A guest's place among references of these ranks, which it is better than (1), worse than (-1) or level with (0).

    `above` says which of them have the higher robust accuracy; it only decides where among its equals it is shown.
    """
    worse, level, better = (rank[side == one] for one in (1, 0, -1))
    if not len(level) and len(better) and len(worse) and better.max() >= worse.min():
        level = np.array([worse.min(), better.max()])  # by the tests alone there is no gap that it falls into
    if len(level):
        low, high = int(level.min()), int(level.max())
        shown = rank[above & (rank >= low) & (rank <= high)]
        place = f"level with {low}" if low == high else f"level with {low} to {high}"
        return Standing(place=place, order=float(shown.max(initial=low)))
    if not len(better):
        return Standing(place=f"above {worse.min()}", order=float(worse.min()) - 0.5)
    if not len(worse):
        return Standing(place=f"below {better.max()}", order=float(better.max()) + 0.5)
    return Standing(place=f"between {better.max()} and {worse.min()}", order=float(better.max()) + 0.5)


def worst_case(view: View, target: ModelInfo, by: RankBy) -> Worst | None:
    """A model under the worst of all attacks within a threat; None where nothing attacked it."""
    allowed = Threat(norm=by.norm, eps=by.eps, clip=view.dataset.bounds if by.clip else None)
    measured = view.of(target.name)
    # The whole split, or the short look that stands for it.
    passes = [row for row in measured if row.made.role == "clean"]
    clean = max(passes, key=lambda row: sum(cell.craft.slice.n for cell in row.cells), default=None)
    if clean is None or clean.status == "missing":
        return None
    # Guests craft on the references too, but who else has come must not move anybody's rank.
    due = [
        row
        for row in measured
        if row.made.role != "clean"
        and row.threat.within(allowed)
        and (row.source is None or row.cell.white_box or view.is_reference(row.source))
    ]
    gap = next((row for row in (clean, *due) if row.status in ("error", "missing")), clean)
    status, reason = gap.status, gap.reason
    if gap is not clean:
        reason = reason or f"{NOT_RUN}: {gap.cell}"
    absent = [name for name in view.suite.models if name not in view.references]
    if status == "ok" and absent and any(entry.sources == "all" for entry in view.suite.attacks):
        status, reason = "missing", f"no transfer from {', '.join(absent)} yet"
    attacks = [row for row in due if row.status == "ok"]
    if status == "ok" and not any(row.made.role != "noise" or _only_noise(view) for row in attacks):
        return None  # nothing attacked it: the clean pass alone is no worst case, nor is noise beside others' attacks
    index, right, robust = _pointwise(clean, attacks) if clean.status == "ok" else _nothing()
    if status == "ok" and not len(index):
        status, reason = "missing", "no example is covered by every attack"
    short = any(cell.craft.slice.partial for cell in clean.cells)
    proved = certified(measured, allowed, index, right) if status == "ok" else None
    complete = status == "ok" and not short
    return Worst(index, robust, int(right.sum()), complete, status, reason, proved, tuple(attacks))


def _only_noise(view: View) -> bool:
    """Whether the suite asks for nothing but noise, of everybody alike."""
    return all(entry.made.role in ("noise", "clean") for entry in view.suite.attacks)


def _pointwise(
    clean: Measured, attacks: Collection[Measured]
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """The examples that all of these cover, which of them are right when clean, and which stay so under every attack.

    Samples of one seed lie within each other, so what all cover is the smallest of them.
    """
    sets = {row.slices: row.index for row in (clean, *attacks)}
    index = reduce(np.intersect1d, sets.values())
    places = {slices: np.searchsorted(covered, index) for slices, covered in sets.items()}
    true = clean.true[places[clean.slices]]
    right = clean.predicted[places[clean.slices]] == true
    robust = right.copy()
    for row in attacks:
        robust &= ~mistaken(row.predicted[places[row.slices]], true)
    return index, right, robust


def _nothing() -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)
