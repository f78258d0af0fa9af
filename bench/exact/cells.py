"""The nearest input of one stored point's cell: a programme whose inequalities are added as they turn out violated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from scipy.optimize import linprog, nnls
from torch import Tensor

from bench.exact.linear import least
from bench.threats import Threat

ROUNDS = 60
"""Times that violated inequalities are added, at most."""
ADDED = 8
"""Inequalities added at a time: the most violated."""
HALF = 2.0**-24
"""Largest relative error of rounding a number to float32."""
ENOUGH = 1e-7
"""Share of the guard, or of the largest right side, by which an inequality may be missed."""


@dataclass(frozen=True)
class Found:
    """What is known of the nearest input of a cell."""

    radius: float
    """No input of the cell is nearer."""
    moved: Tensor | None
    """`(features,)` float64, an input inside the cell at about that radius; None where there is none, or unknown."""
    closed: bool = True
    """Whether nothing is left to be found out."""


class Cell:
    """The inputs within a range that are nearer to `point` than to any of `own`, or less than `guard` farther."""

    def __init__(self, x: Tensor, point: Tensor, own: Tensor, due: Tensor, guard: float, threat: Threat) -> None:
        """
        Args:
            x: `(features,)` float64 the example.
            point: `(features,)` the rival's point.
            own: `(m, features)` points of the example's own class.
            due: `(m,)` right sides of the inequalities `2 (point - own) . d >= due`, less the guard.
            guard: in squared distances.
            threat: the norm and the range.
        """
        self.x, self.point, self.own, self.due, self.guard, self.threat = x, point, own, due, guard, threat
        low, high = threat.clip or (-np.inf, np.inf)
        self.low, self.high = low - x.numpy(), high - x.numpy()

    def nearest(self, below: float) -> Found:
        """The nearest, unless it is no nearer than `below`: then any bound that shows so."""
        used, lower = [int(self.due.argmax())], 0.0
        walls: list[tuple[int, float]] = []
        for _ in range(ROUNDS):
            rows = 2 * (self.point - self.own[used])
            due = self.due[used]
            solved = self._solved(rows.numpy(), due.numpy(), walls)
            if solved is None:
                return Found(lower, None, closed=lower >= below)
            step, weights = solved
            lower = max(lower, self._shown(rows, due, weights))
            if lower >= below:
                return Found(lower, None)
            known = torch.from_numpy(step)
            missed = self.due - 2 * (self.own @ -known + self.point @ known)
            missed[used] = -torch.inf
            worst = missed.topk(min(ADDED, len(missed)))
            added = worst.indices[worst.values > ENOUGH * max(self.guard, 1e-9)].tolist()
            beyond = self._beyond(step, walls)
            if not added and not beyond:
                return Found(lower, self._inside(known))
            used += added
            walls += beyond
        return Found(lower, None, closed=False)

    def _solved(
        self, rows: np.ndarray, due: np.ndarray, walls: list[tuple[int, float]]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """The least step with `rows @ step >= due`, and the multipliers of the rows."""
        return self._quadratic(rows, due, walls) if self.threat.norm == "l2" else self._linear(rows, due)

    def _quadratic(
        self, rows: np.ndarray, due: np.ndarray, walls: list[tuple[int, float]]
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """By non-negative least squares: Lawson & Hanson 1974, chapter 23, least distance programming."""
        bars = np.zeros((len(walls), rows.shape[1]))
        for row, (place, side) in enumerate(walls):
            bars[row, place] = side
        ends = np.array([self.low[place] if side > 0 else -self.high[place] for place, side in walls])
        if (due <= 0).all() and (ends <= 0).all():
            return np.zeros(rows.shape[1]), np.zeros(len(rows))
        sides = np.concatenate([due, ends])
        system = np.vstack([np.concatenate([rows, bars]).T, sides])
        aim = np.zeros(len(system))
        aim[-1] = 1
        try:
            weights, _ = nnls(system, aim)
        except RuntimeError:  # too many rounds
            return None
        rest = system @ weights - aim
        if -rest[-1] <= 1e-12:
            return None
        return -rest[:-1] / rest[-1], weights[: len(rows)]

    def _linear(self, rows: np.ndarray, due: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """By HiGHS, in the steps of the features that any row moves, and their largest."""
        moving = np.abs(rows).max(0) > 0
        n = int(moving.sum())
        eye, one = np.eye(n), np.ones((n, 1))
        bound = sparse.vstack(
            [
                sparse.csr_matrix(np.hstack([-rows[:, moving], np.zeros((len(rows), 1))])),
                sparse.csr_matrix(np.hstack([eye, -one])),
                sparse.csr_matrix(np.hstack([-eye, -one])),
            ]
        )
        limits = [(lo, hi) for lo, hi in zip(self.low[moving], self.high[moving], strict=True)]
        found = linprog(
            np.r_[np.zeros(n), 1.0],
            A_ub=bound,
            b_ub=np.r_[-due, np.zeros(2 * n)],
            bounds=[*limits, (0, None)],
            method="highs",
        )
        if found.status != 0:
            return None
        step = np.zeros(rows.shape[1])
        step[moving] = found.x[:-1]
        return step, np.maximum(-found.ineqlin.marginals[: len(rows)], 0)

    def _shown(self, rows: Tensor, due: Tensor, weights: np.ndarray) -> float:
        """The least length within the range that satisfies the rows' weighted sum: a lower bound."""
        factor = torch.from_numpy(weights)
        one, margin = (factor @ rows)[None], (factor @ due)[None]
        if float(margin) <= 0:
            return 0.0
        return float(least(self.x[None], one, margin, self.threat)[0])

    def _beyond(self, step: np.ndarray, walls: list[tuple[int, float]]) -> list[tuple[int, float]]:
        """Walls of the range that a step goes through; +1 for a low one."""
        if self.threat.clip is None or self.threat.norm != "l2":
            return []
        slack = 1e-9
        low = [(int(place), 1.0) for place in np.nonzero(step < self.low - slack)[0]]
        high = [(int(place), -1.0) for place in np.nonzero(step > self.high + slack)[0]]
        return [wall for wall in low + high if wall not in walls]

    def _inside(self, step: Tensor) -> Tensor:
        """The input a little farther towards the point, where it wins whatever rounding does, to the model's sums and
        of the input itself to float32: the lead grows evenly.
        """
        moved = self.x + step
        narrow = 2 * HALF * ((self.own - self.point).abs() @ moved.abs())
        there = ((self.own - self.point) ** 2).sum(1)
        here = ((self.own - moved) ** 2).sum(1) - ((self.point - moved) ** 2).sum()
        share = ((2 * self.guard + narrow - here) / (there - here).clamp_min(1e-300)).clamp(0, 1).max()
        return moved + share * (self.point - moved)
