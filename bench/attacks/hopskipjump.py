"""HopSkipJump, a walk along the boundary by labels alone: Chen, Jordan & Wainwright 2020 (arXiv 1904.02144).

Unlike there it begins at the nearest of what training points of other classes and noise give, what it has found nearest
is what counts, and thresholds are no coarser than `THETA` where there are few features.

Checked against foolbox 3.3.4 by at most 2,000 queries on 100 digits, median distance in L2: a convolutional net .57
(1.53), five neighbours .76 (2.06), a forest of 100 trees .53 (1.58), an RBF SVC .71 (1.75); in L_inf .116 (.141), .191
(.254), .156 (.281), .157 (.183). On forests `rays` comes nearer in L_inf.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.asking import Asking
from bench.attacks.base import Attack, Need, Role
from bench.attacks.starts import rivals
from bench.draws import RUNS
from bench.threats import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws

CELLS = 2**22
"""Features of points that are made at once: 32 MiB in float64."""
THETA = 1e-3
"""Share of a distance to which the boundary is found, at most; `d^-1.5` of the features in L2, `d^-2` in L_inf."""
FIRST = 0.1
"""Share of the range at which directions are tried first; later on it is the distance over the features."""
POINTS, NOISE, NEAREST = 20, 10, 5
"""Training points and draws of noise that are asked about at the start, and how many of the nearest are drawn in,"""
ROUGHLY = 0.05
"""to this share of their distance."""
RESERVE = 25
"""Questions that are kept for a step and for finding the boundary again."""
HALVES = 20
"""Times that a step is halved, at most."""


class HopSkipJump(Attack):
    """Steps from boundary to boundary, along the direction that most of what is around it leans to.

    From a point on the boundary, the labels of random directions around it tell its normal; a step goes that way, as
    long as the distance over the root of the number of steps, and half as long until it is mislabelled; then the
    boundary is found again between there and the example. In L_inf the way there is by projection onto smaller balls.

    Every example is asked about by its own random numbers and answers, whatever else is in the batch.
    """

    name: ClassVar[str] = "hopskipjump"
    title: ClassVar[str] = "HopSkipJump"
    needs: ClassVar[Need] = "labels"
    role: ClassVar[Role] = "minimum-norm"
    norms: ClassVar[Collection[str]] = ("l2", "linf")
    serves_grid: ClassVar[bool] = False
    summary: ClassVar[str] = "a walk along the boundary by labels alone (HopSkipJump)"

    queries: Annotated[int, Field(ge=1)] = 5000
    """Labels asked for each example, at most."""
    directions: Annotated[int, Field(ge=1)] = 100
    """Random directions at the first step; of step t the root of t times as many."""
    enough: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Distance, in the dataset's units, below which nothing nearer is looked for."""
    draws: Annotated[int, Field(ge=1)] = 10
    """Answers at each point, all of which a mistake takes, of models that answer at random."""
    draw: Annotated[int, Field(ge=0, lt=RUNS)] = 0
    """Which of the independent repetitions this is."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        """An example that is mislabelled as it is comes back so, as does one with nothing found."""
        for budget in budgets:
            if not len(y):
                yield x.clone()
                continue
            walk = _Walk(x, budget, Asking(source, y, self.queries, self.draws), draws, self.draw * RUNS)
            walk.begin(rivals(x, y, POINTS, draws)[:, :-1][:, :POINTS])
            for step in range(1, RUNS - 1):
                rows = walk.open(self.enough)
                if not len(rows):
                    break
                walk.step(rows, step, self.directions * math.sqrt(step))
            yield walk.best.view_as(x)


class _Walk:
    """Where `N` examples of `F` features are on the boundary, and the nearest mistakes so far."""

    def __init__(self, x: Tensor, threat: Threat, asking: Asking, draws: Draws, number: int) -> None:
        self.x, self.threat, self.asking, self.draws, self.number = x.flatten(1), threat, asking, draws, number
        self.shape = x.shape[1:]
        features = self.x.shape[1]
        self.flat = threat.norm == "linf"
        self.theta = min(THETA, features**-2.0 if self.flat else features**-1.5)
        self.rows = asking.left.new_tensor(range(len(x)))
        self.best, self.at = self.x.clone(), self.x.clone()
        """`(N, F)` the nearest mistakes, the examples while there is none; and the points to go on from."""
        self.nearest = self.x.new_zeros(len(x)).double() + float("inf")

    def open(self, enough: float) -> Tensor:
        """Places of the examples that are walked on with."""
        going = self.nearest.isfinite() & (self.nearest > enough) & (self.asking.left > 2 * RESERVE)
        return self.rows[going]

    def begin(self, given: Tensor) -> None:
        """Ask about the examples, then about `(N, R, F)` training points and noise; draw in the nearest."""
        import torch

        wrong = self.asking.wrong(self.rows, self.x.view(-1, *self.shape))
        self.nearest[wrong] = 0.0
        reach = self._reach()[:, None, None]
        uniform = self._random(self.rows, NOISE, 0, even=True)
        if self.threat.clip is None:
            noise = self.x[:, None] + (reach * (2 * uniform - 1)).to(self.x.dtype)
        else:
            noise = (self.threat.clip[0] + reach * uniform).to(self.x.dtype)
        far = self.threat.cut(torch.cat([given, noise], dim=1))
        rows = self.rows[~wrong]
        far = far[rows, : int(self.asking.left.max())]
        if not far[:1].numel():
            return
        which = rows.repeat_interleave(far.shape[1])
        points = far.flatten(0, 1)
        hit = self.asking.wrong(which, points.view(-1, *self.shape)) & (points != self.x[which]).any(1)
        which, points = which[hit], points[hit]
        self._learn(which, points)
        apart = self.threat.distance(self.x[which], points)
        ranks = torch.full((len(self.x), far.shape[1]), torch.inf, dtype=apart.dtype, device=apart.device)
        nth = hit.nonzero()[:, 0] % far.shape[1]
        ranks[which, nth] = apart
        chosen = ranks.argsort(dim=1, stable=True).argsort(1)[which, nth] < NEAREST
        self._inward(which[chosen], points[chosen], ROUGHLY)
        going = self.rows[self.nearest.isfinite() & (self.nearest > 0)]
        self.at[going] = self._inward(going, self.best[going], self.theta)

    def step(self, rows: Tensor, step: int, directions: float) -> None:
        """From the boundary to the boundary: section 3 of the paper, algorithm 2."""
        import torch

        apart = self.threat.distance(self.x[rows], self.at[rows])
        size = FIRST * self._reach()[rows] if step == 1 else apart * min(FIRST, 1 / self.x.shape[1])
        count = (self.asking.left[rows] - RESERVE).clamp(1, int(directions))
        pieces = torch.split(
            torch.arange(len(rows), device=rows.device), max(1, CELLS // (self.x.shape[1] * int(directions)))
        )
        way = torch.cat([self._normal(rows[part], step, size[part], count[part]) for part in pieces])
        length, left = apart / math.sqrt(step), rows == rows
        for _ in range(HALVES):
            trying = (left & (self.asking.left[rows] > 0)).nonzero()[:, 0]
            if not len(trying):
                break
            mine = rows[trying]
            there = self.threat.cut(self.at[mine] + (length[trying, None] * way[trying]).to(self.x.dtype))
            wrong = self.asking.wrong(mine, there.view(-1, *self.shape))
            self.at[mine[wrong]] = self._inward(mine[wrong], there[wrong], self.theta)
            left[trying[wrong]] = False
            length = length / 2

    def _normal(self, rows: Tensor, step: int, size: Tensor, count: Tensor) -> Tensor:
        """`(n, F)` directions of length 1 in the norm, towards mistakes: equations 9 and 14 of the paper."""
        import torch

        most = int(count.max())
        towards = 2 * self._random(rows, most, step, even=True) - 1 if self.flat else self._random(rows, most, step)
        towards = towards / towards.norm(dim=2, keepdim=True).clamp_min(1e-300)
        at = self.at[rows][:, None]
        points = self.threat.cut((at + size[:, None, None] * towards).to(self.x.dtype))
        towards = (points - at).double() / size[:, None, None]  # what the range has left of them
        asked = torch.arange(most, device=rows.device) < count[:, None]
        which = rows[:, None].expand(asked.shape)[asked]
        sign = torch.zeros(asked.shape, dtype=torch.float64, device=rows.device)
        sign[asked] = 2.0 * self.asking.wrong(which, points[asked].view(-1, *self.shape)).double() - 1
        mean = sign.sum(1, keepdim=True) / count[:, None]
        weight = (sign - mean).where(mean.abs() < 1, sign) * asked
        normal = (weight[:, :, None] * towards).mean(1)
        return normal.sign() if self.flat else normal / normal.norm(dim=1, keepdim=True).clamp_min(1e-300)

    def _inward(self, rows: Tensor, points: Tensor, share: float) -> Tensor:
        """`(n, F)` mistakes next to the boundary between examples, which may repeat, and mistakes."""
        high = self.threat.distance(self.x[rows], points)
        whole, low, ends = high.clone(), high * 0, points.clone()
        while True:
            going = (high - low > share * (high if self.flat else whole)) & (self.asking.left[rows] > NEAREST)
            if not going.any():
                return ends
            middle = (low + high)[going] / 2
            tried = self._between(rows[going], points[going], middle, whole[going])
            wrong = self.asking.wrong(rows[going], tried.view(-1, *self.shape))
            high[going], low[going] = middle.where(wrong, high[going]), low[going].where(wrong, middle)
            hit = going.nonzero()[wrong, 0]
            ends[hit] = tried[wrong]
            self._learn(rows[hit], ends[hit])

    def _between(self, rows: Tensor, points: Tensor, radius: Tensor, whole: Tensor) -> Tensor:
        """Points at radii, of those at whole distances: on the line in L2, projected in L_inf."""
        x = self.x[rows]
        if self.flat:
            size = radius[:, None].to(x.dtype)
            return self.threat.cut(x + (points - x).maximum(-size).minimum(size))
        return self.threat.cut(x + (points - x) * (radius / whole.clamp_min(1e-300))[:, None].to(x.dtype))

    def _learn(self, rows: Tensor, points: Tensor) -> None:
        """Take note of mistakes; `rows` may repeat."""
        import torch

        apart = self.threat.distance(self.x[rows], points)
        least = self.nearest.scatter_reduce(0, rows, apart, "amin")
        better = ((apart == least[rows]) & (apart < self.nearest[rows])).nonzero()[:, 0]
        first = torch.full_like(self.rows, len(rows)).scatter_reduce(0, rows[better], better, "amin")
        found = self.rows[first < len(rows)]
        self.best[found], self.nearest = points[first[found]], least

    def _random(self, rows: Tensor, count: int, number: int, *, even: bool = False) -> Tensor:
        """`(n, count, F)` float64 uniform in (0, 1), or normal; the first are the same whatever the count."""
        import torch

        mine, shape = self.draws.only(rows.cpu().numpy()), (count, self.x.shape[1])
        drawn = (mine.uniform if even else mine.normal)(shape, self.number + number)
        return torch.from_numpy(drawn).to(self.x.device)

    def _reach(self) -> Tensor:
        """`(N,)` the range; where there is none, twice the largest value of the example, and at least 1."""
        if self.threat.clip is None:
            return 2 * self.x.abs().amax(1).double().clamp_min(0.5)
        return self.nearest.new_zeros(len(self.x)) + (self.threat.clip[1] - self.threat.clip[0])
