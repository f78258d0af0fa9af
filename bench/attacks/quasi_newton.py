"""L-BFGS within a box, batched: each example's minimum by itself, one look at all that are not done yet a step.

Two loops over the last pairs of steps and slope differences (Nocedal & Wright 2006, algorithm 7.4) on the coordinates
that no wall holds, and backtracking along the projected path (Bertsekas 1982): unlike L-BFGS-B (Byrd et al. 1995) no
generalised Cauchy point is looked for, which a ball's objective has little use for. Checked in tests against SciPy's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

KEPT = 10
"""Pairs that are kept."""
ENOUGH = 1e-4
"""Share of the decrease promised by the slope that a step has to keep."""
CURVED = 1e-10
"""Least curvature of a pair, relative to its lengths, that is kept."""
FLAT = 1e-6
"""Length of the slope where no wall holds, relative to that at the start, at which a minimum is taken for found;"""
SMALL = 1e-7
"""and the relative decrease."""
SHORT = 1e-8
"""Share of a step below which none shorter is tried."""


class Found(NamedTuple):
    """`n` points, their values, slopes and what else was told of them."""

    points: Tensor
    """`(n, F)` float64."""
    value: Tensor
    """`(n,)`."""
    slope: Tensor
    """`(n, F)`."""
    won: Tensor
    """`(n,)` bool."""

    def only(self, mask: Tensor) -> Found:
        """Those of some examples."""
        return Found(*(each[mask] for each in self))

    def put(self, places: Tensor, others: Found) -> None:
        """Write others in place."""
        for mine, theirs in zip(self, others, strict=True):
            mine[places] = theirs


Objective = Callable[["Tensor", "Tensor"], Found]
"""What is found at `(n, F)` points of the examples at `(n,)` rows."""


@dataclass
class _Pairs:
    """The last steps and slope differences of `N` examples, the newest last; zero where there are none."""

    step: Tensor
    """`(N, KEPT, F)`."""
    change: Tensor

    def learn(self, rows: Tensor, step: Tensor, change: Tensor) -> None:
        """Take note of those with positive curvature."""
        curve = (step * change).sum(1)
        good = curve > CURVED * step.norm(dim=1) * change.norm(dim=1)
        rows = rows[good]
        for kept, new in ((self.step, step), (self.change, change)):
            kept[rows] = kept[rows].roll(-1, 1)
            kept[rows, -1] = new[good]

    def direction(self, rows: Tensor, slope: Tensor, free: Tensor) -> Tensor:
        """`(n, F)` downhill, zero where a wall holds."""
        steps, changes = self.step[rows] * free[:, None], self.change[rows] * free[:, None]
        curves = (steps * changes).sum(2)
        used = curves > CURVED * steps.norm(dim=2) * changes.norm(dim=2)
        rates = (1 / curves).where(used, 0)
        left, parts = slope * free, []
        for place in reversed(range(KEPT)):
            part = rates[:, place] * (steps[:, place] * left).sum(1)
            left = left - part[:, None] * changes[:, place]
            parts.append(part)
        scale = slope.new_ones(len(rows))
        for place in range(KEPT):  # of the newest pair that counts
            width = changes[:, place].square().sum(1)
            scale = (curves[:, place] / width).where(used[:, place] & (width > 0), scale)
        left = left * scale[:, None]
        for place, part in zip(range(KEPT), reversed(parts), strict=True):
            other = rates[:, place] * (changes[:, place] * left).sum(1)
            left = left + (part - other)[:, None] * steps[:, place]
        return -left


def minimised(objective: Objective, start: Tensor, walls: tuple[Tensor, Tensor] | None, looks: int) -> Found:
    """The lowest points that so many looks at each example find, of `(N, F)` starts in float64.

    Args:
        objective: to be minimised.
        start: within the walls.
        walls: `(N, 1)` lowest and highest value of every coordinate; None where there are none.
        looks: at each example, at most, the start included.
    """
    import torch

    rows = torch.arange(len(start), device=start.device)
    best = objective(rows, start)
    pairs = _Pairs(start.new_zeros(len(start), KEPT, start.shape[1]), start.new_zeros(len(start), KEPT, start.shape[1]))
    first = _free_slope(best, walls, rows).norm(dim=1)
    way, share = _way(pairs, best, walls, rows, first=True)
    for _ in range(looks - 1):
        going = (_free_slope(best.only(rows), walls, rows).norm(dim=1) > FLAT * first[rows]) & (share > SHORT)
        rows, way, share = rows[going], way[going], share[going]
        if not len(rows):
            break
        here = best.only(rows)
        there = objective(rows, _held(here.points + share[:, None] * way, walls, rows))
        promised = (here.slope * (there.points - here.points)).sum(1)
        lower = there.value <= here.value + ENOUGH * promised.clamp_max(0)
        done = lower & (here.value - there.value <= SMALL * here.value.abs().maximum(there.value.abs()))
        taken = rows[lower]
        pairs.learn(taken, (there.points - here.points)[lower], (there.slope - here.slope)[lower])
        best.put(taken, there.only(lower))
        share = share / 2
        if lower.any():
            way[lower], share[lower] = _way(pairs, best, walls, taken)
        rows, way, share = rows[~done], way[~done], share[~done]
    return best


def _way(
    pairs: _Pairs, best: Found, walls: tuple[Tensor, Tensor] | None, rows: Tensor, first: bool = False
) -> tuple[Tensor, Tensor]:
    """`(n, F)` where to go from the best points, and `(n,)` how much of it at first."""
    import torch

    here = best.only(rows)
    down = -_free_slope(here, walls, rows)
    lengths = down.norm(dim=1).clamp_min(1e-300)
    if first:
        return down, (1 / lengths).clamp_max(1)
    way = pairs.direction(rows, here.slope, down != 0)
    falls = (way * here.slope).sum(1) < -1e-9 * way.norm(dim=1) * lengths
    way = way.where(falls[:, None], down)
    return way, torch.ones_like(lengths).where(falls, (1 / lengths).clamp_max(1))


def _free_slope(found: Found, walls: tuple[Tensor, Tensor] | None, rows: Tensor) -> Tensor:
    """`(n, F)` the slope, zero where a wall holds."""
    if walls is None:
        return found.slope
    low, high = (wall[rows] for wall in walls)
    held = ((found.points <= low) & (found.slope > 0)) | ((found.points >= high) & (found.slope < 0))
    return found.slope.masked_fill(held, 0)


def _held(points: Tensor, walls: tuple[Tensor, Tensor] | None, rows: Tensor) -> Tensor:
    return points if walls is None else points.maximum(walls[0][rows]).minimum(walls[1][rows])
