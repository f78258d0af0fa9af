"""The bracket [certified, attacked] of every model at every size that its suite names: what is between is open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.board.measured import Measured, mistaken
from bench.board.ranking import Worst, worst_case
from bench.board.statistics import wilson
from bench.board.view import View
from bench.planning.suite import RankBy
from bench.records.record import ModelInfo

PER_EXAMPLE = ("gradients", "queries", "forwards")


@dataclass(frozen=True)
class Bracket:
    """A model at one size."""

    by: RankBy
    worst: Worst
    decided_by: str | None
    """The attack that by itself fools most of the examples that are right when clean; the first of several."""
    costs: dict[str, float]
    """Of an example, all attacks at that size together: gradients, queries, forwards and seconds."""


def proves(view: View) -> bool:
    """Whether a suite asks for certificates."""
    return any(entry.made.proves for entry in view.suite.attacks)


def brackets(view: View, target: ModelInfo) -> Iterator[Bracket]:
    """One for every size in the ranking's norm, the smallest first; none in a suite without certificates."""
    by = view.suite.rank_by
    if by is None or not proves(view):
        return
    sizes = {eps for entry in view.suite.attacks if (entry.norm, entry.clip) == (by.norm, by.clip) for eps in entry.eps}
    for eps in sorted(sizes | {by.eps}):
        size = by.model_copy(update={"eps": eps})
        worst = worst_case(view, target, size)
        if worst is not None:
            yield Bracket(size, worst, _decided(view, worst), _costs(worst, eps))


def ends(worst: Worst) -> Iterator[tuple[str, Any]]:
    """The certified end and what is open, as fields of a row; nothing of the former where nothing certifies."""
    n, robust = len(worst.robust), int(worst.robust.sum())
    if worst.status != "ok" or not n:
        return
    safe = 0 if worst.certified is None else int((worst.certified.mask & worst.robust).sum())
    yield "open", (robust - safe) / n
    if worst.certified is not None:
        yield "certified", safe / n
        yield from zip(("certified_low", "certified_high"), wilson(safe, n), strict=True)
        yield "certified_risk", worst.certified.risk or None


def _decided(view: View, worst: Worst) -> str | None:
    if worst.status != "ok":
        return None
    fallen: dict[str, int] = {}
    for row in worst.by:
        clean = view.clean_of(row)
        if clean is not None:
            count = int((mistaken(row.predicted, clean.true) & (clean.predicted == clean.true)).sum())
            fallen[_called(row)] = max(fallen.get(_called(row), 0), count)
    best = max(fallen, key=lambda name: fallen[name], default=None)
    return best if best is not None and fallen[best] else None


def _called(row: Measured) -> str:
    """Such as `fgsm`, `fgsm from maxout`."""
    if row.source is None or row.cell.white_box:
        return row.made.name
    return f"{row.made.name} from {row.source.name}"


def _costs(worst: Worst, eps: float) -> dict[str, float]:
    """Of what was run for that size: an attack by distance is one run for all sizes, any other one a size."""
    total = dict.fromkeys((*PER_EXAMPLE, "seconds"), 0.0)
    for row in worst.by:
        if row.threat.eps == eps and row.n:
            for name in PER_EXAMPLE:
                total[name] += sum(getattr(result.costs, name) for result in row.results if result.costs) / row.n
            total["seconds"] += row.seconds / row.n
    return total
