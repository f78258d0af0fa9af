"""Square, a random search by scores: Andriushchenko, Croce, Flammarion & Hein 2020 (arXiv 1912.00049).

Unlike there a square that leaves the margin equal is kept: on models whose scores go by steps, such as votes, others
follow on from it (fooled of 100 digits by 500 queries, five neighbours, L_inf .15: 29 with, 14 without).

Checked against torchattacks 3.5.1 by at most 500 queries on 100 digits, L_inf .1: a convolutional net 46 fooled (34),
five neighbours 10 (2), a forest of 100 trees 80 (52), an RBF SVC 20 (16); L2 .6: 45 (38), 12 (8), 92 (52), 22 (15).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.asking import Asking
from bench.attacks.base import Attack, Need, Role
from bench.attacks.patches import Plane, bump
from bench.draws import RUNS
from bench.threats import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws

BLOCK = 64
"""Steps whose random numbers are drawn together."""
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Steps after which squares have half as many features: section 4.2 of the paper,"""
SCALE = 10_000
"""which are so many; rescaled where there are others."""
LEAST = 3
"""The least side of a square in L2, where it has two halves."""
TILES = 5
"""Squares side by side that the first candidate has in L2."""


class Square(Attack):
    """Random squares of features, each set to one end of the ball, kept unless the scores' margin rises.

    In L_inf the features of a square go to `x + eps` or `x - eps`, channel by channel; the first candidate is made of
    stripes. In L2 what one square changes is taken to another, with a bump of two signs and all that the range has cut
    off. Squares become smaller with time. Inputs that are no images have runs of features in their place.

    Every example is asked about by its own random numbers and answers, and leaves as soon as it is mislabelled.
    """

    name: ClassVar[str] = "square"
    title: ClassVar[str] = "Square"
    needs: ClassVar[Need] = "scores"
    role: ClassVar[Role] = "query"
    norms: ClassVar[Collection[str]] = ("linf", "l2")
    serves_grid: ClassVar[bool] = False
    summary: ClassVar[str] = "random squares that lower the margin, by scores alone (Square)"

    queries: Annotated[int, Field(ge=1, lt=RUNS * BLOCK // 2)] = 5000
    """Answers asked for each example, at most."""
    share: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Of the features, that the first squares have."""
    draws: Annotated[int, Field(ge=1)] = 10
    """Answers to average at each point, of models that answer at random."""
    draw: Annotated[int, Field(ge=0, lt=RUNS)] = 0
    """Which of the independent repetitions this is."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        """An example that is mislabelled as it is comes back so.

        Raises:
            Unsupported: the source gives labels only.
        """
        kinds = {"linf": _Signs, "l2": _Masses}
        for budget in budgets:
            moves = kinds[budget.geometry.name](x, budget, draws, self.draw * RUNS)
            asking = Asking(source, y, self.queries, self.draws)
            found, lead = x.clone(), y.new_zeros(len(y)).double() - float("inf")
            rows, tried = y.new_tensor(range(len(y))), x
            again = source.stochastic  # else the luckiest answers would stay the best
            left = int(asking.left[0]) - 2 if len(y) else 0  # beside the example itself and the first candidate
            steps = left // 2 if again else left
            for step in range(-2, max(steps, min(left, 0))):
                if step == -1:
                    tried = moves.first(rows)
                elif step >= 0:
                    tried = moves.next(rows, found[rows], step, self.share / 2 ** halvings(step, steps))
                    if again:
                        lead[rows], _ = asking.leads(rows, found[rows])
                now, wrong = asking.leads(rows, tried)
                kept = wrong | (now >= lead[rows]) | (step == -1)
                found[rows[kept]], lead[rows[kept]] = tried[kept], now[kept]
                rows = rows[~wrong]
                if not len(rows):
                    break
            yield found


def halvings(step: int, steps: int) -> int:
    """How often the share of features has been halved at a step, from 0, of so many."""
    return sum(step * SCALE // steps > at for at in HALVINGS)


class _Moves(ABC):
    """What is tried next, example by example, in one norm."""

    turns: ClassVar[int]
    """Random numbers that a step needs beside one a channel."""

    def __init__(self, x: Tensor, threat: Threat, draws: Draws, number: int) -> None:
        self.x, self.threat, self.draws, self.number = x, threat, draws, number
        self.plane = Plane.of(tuple(x.shape[1:]))
        self.centre = x.reshape(len(x), self.plane.channels, -1)
        self._block: tuple[int, Tensor, Tensor] | None = None

    @abstractmethod
    def first(self, rows: Tensor) -> Tensor:
        """`(n, *shape)` candidates of the examples at `rows` to begin with."""

    @abstractmethod
    def next(self, rows: Tensor, best: Tensor, step: int, share: float) -> Tensor:
        """`(n, *shape)` candidates after the `(n, *shape)` best so far, whose squares have a share of the features."""

    def uniform(self, rows: Tensor, shape: tuple[int, ...], block: int) -> Tensor:
        """`(n, *shape)` float64 random numbers of the examples at `rows`."""
        import torch

        drawn = self.draws.only(rows.cpu().numpy()).uniform(shape, self.number + block)
        return torch.from_numpy(drawn).to(self.x.device)

    def at_step(self, rows: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """`(n, turns)` random numbers and `(n, C, 1)` random signs of a step; drawn a block at a time."""
        import torch

        block, place = divmod(step, BLOCK)
        if self._block is None or self._block[0] != block:
            self._block = block, rows, self.uniform(rows, (BLOCK, self.turns + self.plane.channels), 1 + block)
        _, drawn, numbers = self._block
        mine = numbers[torch.searchsorted(drawn, rows), place]  # rows stay in order as some of them leave
        return mine[:, : self.turns], signs(mine[:, self.turns :, None])


class _Signs(_Moves):
    """In L_inf: ends of the ball."""

    turns: ClassVar[int] = 2

    def __init__(self, x: Tensor, threat: Threat, draws: Draws, number: int) -> None:
        super().__init__(x, threat, draws, number)
        self.low, self.high = (
            threat.project(x, x + side * threat.size).reshape(self.centre.shape) for side in (-1, 1)
        )  # fmt: skip

    def first(self, rows: Tensor) -> Tensor:
        stripe = signs(self.uniform(rows, (self.plane.channels, 1, self.plane.width), 0))
        whole = stripe.expand(-1, -1, self.plane.height, -1).reshape(len(rows), self.plane.channels, -1)
        return self.high[rows].where(whole > 0, self.low[rows]).reshape(-1, *self.x.shape[1:])

    def next(self, rows: Tensor, best: Tensor, step: int, share: float) -> Tensor:
        numbers, sign = self.at_step(rows, step)
        within = self.plane.places(numbers, self.plane.sides(share))[:, None].expand(-1, self.plane.channels, -1)
        before = best.reshape(len(rows), self.plane.channels, -1).gather(2, within)
        low, high = self.low[rows].gather(2, within), self.high[rows].gather(2, within)
        after = high.where(sign > 0, low)
        same = (after == before).flatten(1).all(1)[:, None, None]  # nothing would be asked: the other ends
        after = low.where(same & (sign > 0), high.where(same, after))
        return best.reshape(len(rows), self.plane.channels, -1).scatter(2, within, after).view_as(best)


class _Masses(_Moves):
    """In L2: what is changed where."""

    turns: ClassVar[int] = 5

    def first(self, rows: Tensor) -> Tensor:
        """Bumps side by side."""
        channels, height, width = self.plane
        side = max(1, max(height, width) // TILES)
        tall, wide = min(side, height), min(side, width)
        down, right = height // tall, width // wide
        numbers = self.uniform(rows, (channels * down * right + 1,), 0)
        turned = self._bumps(numbers[:, -1:], (tall, wide)).view(len(rows), 1, 1, tall, 1, wide)
        sign = signs(numbers[:, :-1]).view(len(rows), channels, down, 1, right, 1)
        delta = self.centre.new_zeros(len(rows), channels, height, width)
        top, left = (height - down * tall) // 2, (width - right * wide) // 2
        tiles = (sign * turned).reshape(len(rows), channels, down * tall, right * wide)
        delta[:, :, top : top + down * tall, left : left + right * wide] = tiles.to(delta.dtype)
        return self._moved(rows, delta.flatten(2))

    def next(self, rows: Tensor, best: Tensor, step: int, share: float) -> Tensor:
        """Equation 3 and algorithm 3 of the paper, brought to length eps as its code does."""
        numbers, sign = self.at_step(rows, step)
        sides = self.plane.sides(share, LEAST)
        to, off = (
            self.plane.places(corner, sides)[:, None].expand(-1, self.plane.channels, -1)
            for corner in (numbers[:, :2], numbers[:, 2:4])
        )
        delta = (best - self.x[rows]).reshape(len(rows), self.plane.channels, -1).double()
        there = delta.gather(2, to)
        spare = (self.threat.size**2 - delta.square().sum((1, 2), keepdim=True)).clamp_min(0) / self.plane.channels
        rest = delta.scatter(2, to, 0.0).scatter(2, off, 0.0)
        freed = (delta.square() - rest.square()).sum(2, keepdim=True)
        added = there / there.norm(dim=2, keepdim=True).clamp_min(1e-12) + sign * self._bumps(numbers[:, 4:], sides)
        added = added / added.norm(dim=2, keepdim=True).clamp_min(1e-12) * (freed + spare).sqrt()
        return self._moved(rows, rest.scatter(2, to, added))

    def _bumps(self, number: Tensor, sides: tuple[int, int]) -> Tensor:
        """`(n, 1, h w)`: every other one turned by a right angle, where it is a square."""
        across = self.centre.new_tensor(bump(*sides), dtype=number.dtype)
        along = across.T if sides[0] == sides[1] else across
        return along.reshape(1, 1, -1).where(number[:, :, None] < 0.5, across.reshape(1, 1, -1))

    def _moved(self, rows: Tensor, delta: Tensor) -> Tensor:
        """The example moved along `(n, C, H W)` a change, by eps."""
        x = self.x[rows]
        return self.threat.moved(x, self.threat.step(delta.reshape(x.shape)).to(x.dtype))


def signs(numbers: Tensor) -> Tensor:
    """-1 or +1, of numbers in (0, 1)."""
    return (numbers < 0.5) * 2.0 - 1.0
