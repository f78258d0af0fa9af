"""Corners of the ball: a search by blocks of features from projected training points of other classes.

For models of steps, such as forests, whose gradient says nothing. After the region-based attack of Yang et al. 2020
(arXiv 1906.03310) and the blocks of Moon, An & Song 2019 (arXiv 1905.06635), which meet gradients of no model either.

Of 50 MNIST digits, a forest of 100 trees: 49 fooled at .05, 50 at .1 (projection alone 34 at .05), 30 ms an example;
by labels alone 48 at .05.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.asking import Asking
from bench.attacks.base import Attack, Need, Role
from bench.attacks.patches import Plane, tilings
from bench.attacks.starts import rivals
from bench.threats import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws

CELLS = 2**22
"""Features of points that are made at once: 16 MiB in float32."""
STEP = 0.98
"""Share of the radius at which a block has to be mislabelled, of models that give labels alone,"""
RADII = 6
"""and radii, from there down to the ball's, at which several blocks together are tried."""
RESERVE = 70
"""Questions that are kept for trying blocks together."""
WIDEST = 32.0
"""Times the ball's radius at which a start is tried, of models that give labels alone."""


class Corners(Attack):
    """Blocks of features go to the low end of the ball, to the high one or back, as long as the margin falls.

    It starts at the best projection of training points of other classes onto the ball, or at the example where the
    dataset has none. All blocks of a size are tried at once, each way, then those that helped together: the best half,
    quarter and so on. Blocks are squares of images, else runs of features, down to single ones; and then again. Where a
    whole round helps nothing, it goes on from the next best start.

    Of a model that gives labels alone, the margin is the radius: a start is projected onto the least ball where it is
    mislabelled, and a block helps that makes a smaller one do.
    """

    name: ClassVar[str] = "corners"
    title: ClassVar[str] = "Corners"
    needs: ClassVar[Need] = "labels"
    role: ClassVar[Role] = "query"
    norms: ClassVar[Collection[str]] = ("linf",)
    serves_grid: ClassVar[bool] = False
    summary: ClassVar[str] = "corners of the ball by blocks of features, from projected training points"

    queries: Annotated[int, Field(ge=1)] = 5000
    """Answers asked for each example, at most."""
    points: Annotated[int, Field(ge=1, le=1000)] = 5
    """Training points of each class other than the example's, at most."""
    starts: Annotated[int, Field(ge=1)] = 5
    """Searches, each from another start, at most."""
    draws: Annotated[int, Field(ge=1)] = 10
    """Answers to average at each point, of models that answer at random."""
    draw: Annotated[int, Field(ge=0)] = 0
    """Which of the independent repetitions this is."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        """An example that is mislabelled as it is comes back so."""
        for budget in budgets:
            if not len(y):
                yield x.clone()
                continue
            order = x.new_tensor(draws.uniform((x[0].numel(),), self.draw))
            search = _Search(x, budget, Asking(source, y, self.queries, self.draws), order)
            search.begin(rivals(x, y, self.points, draws), self.starts)
            for turn in range(self.starts):
                search.climb(turn)
            yield search.found.view_as(x)


class _Search:
    """What is known of a batch of `N` examples of `F` features; a target is a point that is drawn into a ball."""

    def __init__(self, x: Tensor, threat: Threat, asking: Asking, order: Tensor) -> None:
        self.x, self.threat, self.asking, self.order = x.flatten(1), threat, asking, order
        self.shape = x.shape[1:]
        self.tilings = tilings(Plane.of(tuple(self.shape)))
        self.found = self.x.clone()
        self.rows = asking.left.new_tensor(range(len(x)))
        self.done = self.rows != self.rows
        self.top = self.x.new_zeros(len(x)).double() - float("inf")
        """`(N,)` what `found` is worth."""

    def begin(self, rivals: Tensor, starts: int) -> None:
        """Ask about the examples, then about `(N, R, F)` points that are drawn in; keep the best as targets."""
        import torch

        self.done |= self.asking.wrong(self.rows, self.x.view(-1, *self.shape))
        self.targets = rivals[:, :starts].clone()
        self.worth = self.x.new_zeros(self.targets.shape[:2]).double() - float("inf")
        open_rows = self.rows[~self.done]
        for row in torch.split(open_rows, max(1, CELLS // rivals[0].numel())) if len(open_rows) else ():
            allowed = int(self.asking.left[row[0]])  # the same of all: each has had one question
            if self.asking.scored:
                given, radii = rivals[row, :allowed], [self.threat.size]
            else:
                radii = [self.threat.size * (WIDEST ** (k / (RADII - 1))) for k in range(RADII)][:allowed]
                given = rivals[row, : min(starts, allowed // len(radii) if radii else 0)]
            if not given.shape[1]:
                continue
            several = given[:, :, None].expand(-1, -1, len(radii), -1)
            radius = self.x.new_tensor(radii).expand(several.shape[:3])
            value = self._tell(row, several, radius, several[..., 0] == several[..., 0]).amax(2)
            best = value.topk(min(starts, value.shape[1]), dim=1)
            self.worth[row, : best.indices.shape[1]] = best.values
            self.targets[row, : best.indices.shape[1]] = given[torch.arange(len(row))[:, None], best.indices]

    def climb(self, turn: int) -> None:
        """Go on from the start of that number, in rounds over all sizes of blocks, for as long as one helps."""
        import torch

        if turn >= self.worth.shape[1]:
            return
        rows, value, target = self.rows, self.worth[:, turn].clone(), self.targets[:, turn].clone()
        rows = rows[~self.done & value.isfinite() & (self.asking.left > RESERVE)]
        while len(rows):
            before = value.clone()
            for tiling in self.tilings:
                blocks = torch.as_tensor(tiling, device=self.x.device)
                size = max(1, CELLS // (3 * (int(blocks.max()) + 1) * len(blocks)))
                rows = rows[~self.done[rows] & (self.asking.left[rows] > RESERVE)]
                for row in torch.split(rows, size) if len(rows) else ():
                    target[row], value[row] = self._moved(row, target[row], value[row], blocks)
            rows = rows[~self.done[rows] & (value[rows] > before[rows]) & (self.asking.left[rows] > RESERVE)]

    def _moved(self, row: Tensor, target: Tensor, value: Tensor, blocks: Tensor) -> tuple[Tensor, Tensor]:
        """`(n, F)` targets with blocks moved that help, and `(n,)` what they are worth."""
        x, count = self.x[row], int(blocks.max()) + 1
        size = value.new_tensor(self.threat.size)
        radius = (size.expand(len(row)) if self.asking.scored else (-value * STEP).maximum(size)).to(x.dtype)
        ends = x[:, None] + x.new_tensor([-1, 1, 0])[:, None] * WIDEST * self.threat.size  # (n, 3, F)
        within = blocks == blocks.new_tensor(range(count))[:, None]  # (B, F)
        tried = ends[:, None].where(within[:, None], target[:, None, None])  # (n, B, 3, F)
        now = self._at(row, target, radius)
        changed = (self._at(row, tried, radius[:, None, None].expand(tried.shape[:3])) != now[:, None, None]).any(3)
        first = within.long().argmax(1)
        key = self.order[row][:, first, None].masked_fill(~changed, 2).flatten(1)  # in random order, if not all
        rank = key.argsort(dim=1, stable=True).argsort(1).view(changed.shape)
        asked = changed & (rank < (self.asking.left[row] - RESERVE)[:, None, None])
        gain = self._tell(row, tried, radius[:, None, None].expand(asked.shape), asked)
        gain, end = gain.max(2)
        helps = gain > value[:, None]
        order = gain.masked_fill(~helps, -float("inf")).argsort(dim=1, descending=True, stable=True)
        place = order.argsort(1)[:, blocks]  # (n, F) rank of each feature's block
        towards = ends.gather(1, end[:, blocks][:, None])[:, 0]
        share = blocks.new_tensor([2**k for k in range(count.bit_length())])
        most = (helps.sum(1)[:, None] / share).ceil().long()  # (n, L) how many blocks go together
        fresh = (most > 0) & (most != most.roll(1, 1)).index_fill(1, share[:1] * 0, True)
        together = towards[:, None].where(place[:, None] < most[:, :, None], target[:, None])  # (n, L, F)
        steps = [0.0] if self.asking.scored else [k / (RADII - 1) for k in range(RADII)]
        radii = radius[:, None] * (self.threat.size / radius)[:, None] ** x.new_tensor(steps)
        several = together[:, :, None].expand(-1, -1, len(steps), -1)
        room = (self.asking.left[row] > len(share) * len(steps)) & ~self.done[row]
        worth = self._tell(row, several, radii[:, None].expand(several.shape[:3]),
                           (fresh & room[:, None])[:, :, None].expand(several.shape[:3])).amax(2)  # fmt: skip
        best, chosen = worth.max(1)
        better = best > value
        picked = together[range(len(row)), chosen]
        return picked.where(better[:, None], target), best.where(better, value)

    def _at(self, row: Tensor, target: Tensor, radius: Tensor) -> Tensor:
        """`(n, ..., F)` targets drawn into balls of `(n, ...)` radii."""
        x = self.x[row].view(len(row), *[1] * (target.ndim - 2), -1)
        size = radius[..., None]
        return self.threat.cut(x + (target - x).maximum(-size).minimum(size))

    def _tell(self, row: Tensor, target: Tensor, radius: Tensor, asked: Tensor) -> Tensor:
        """`(n, ...)` what targets are worth at radii, -inf of those not asked about; what fools is found."""
        if not asked.any():
            return radius.new_full(asked.shape, -float("inf")).double()
        points = self._at(row, target, radius)[asked]
        which = row.view(-1, *[1] * (asked.ndim - 1)).expand(asked.shape)[asked]
        shaped = points.view(-1, *self.shape)
        if self.asking.scored:
            worth, wrong = self.asking.leads(which, shaped)
            fools = wrong
        else:
            wrong = self.asking.wrong(which, shaped)
            worth = (-radius[asked].double()).masked_fill(~wrong, -float("inf"))
            fools = wrong & (radius[asked] <= self.threat.size * (1 + 1e-6))
        self._keep(which, points, worth, fools)
        return worth.new_full(asked.shape, -float("inf")).masked_scatter(asked, worth)

    def _keep(self, which: Tensor, points: Tensor, worth: Tensor, fools: Tensor) -> None:
        """The first that fools, else the best."""
        import torch

        score = worth.masked_fill(fools, float("inf"))
        top = self.top.scatter_reduce(0, which, score, "amax")
        best = (score == top[which]) & (score > self.top[which])
        at = torch.arange(len(which), device=which.device)[best]
        first = torch.full_like(self.rows, len(which)).scatter_reduce(0, which[best], at, "amin")
        self.top, rows = top, self.rows[first < len(which)]
        chosen = points[first[rows]]
        self.found[rows] = self.threat.project(self.x[rows], chosen)  # of labels alone the best is too far
        self.done |= self.top == float("inf")
