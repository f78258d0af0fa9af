"""RayS, a search by labels alone: Chen & Gu 2020 (arXiv 2006.12792)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bench.attacks.base import Attack, Need, Role
from bench.threats import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws

GAIN = 1e-3
"""Share of the radius by which another direction must be nearer: what the sign of one feature in 2,000 decides."""
STEP = 1e-2
"""Share of the radius to which it is narrowed down, and the first step of doing so."""
STARTS = 7
"""Directions that the first search begins with: three that are fixed, the others random."""
DEPTHS = 4
"""Radii that a direction is tried at, each half the one before, as long as no direction has left the class."""


class RayS(Attack):
    """The nearest mislabelled input on a ray whose every feature goes up or down alike: `x + r s`, `s` of signs.

    A search flips the signs of all features, of each half, each quarter and so on down to single ones, and keeps a flip
    that is mislabelled at a smaller radius: one question tells. Its first ray is the best of a few: towards the far end
    of the range, all up, all down, and at random. Where no flip helps any more, another search starts at random, with
    blocks of features drawn at random, for as long as there are queries; the nearest of all counts.

    Every example is asked about by its own random numbers and answers, whatever else is in the batch.
    """

    name: ClassVar[str] = "rays"
    title: ClassVar[str] = "RayS"
    needs: ClassVar[Need] = "labels"
    role: ClassVar[Role] = "minimum-norm"
    revision: ClassVar[int] = 2
    norms: ClassVar[Collection[str]] = ("linf",)
    serves_grid: ClassVar[bool] = False
    summary: ClassVar[str] = "x + r s, signs s with the least r that is mislabelled, by labels alone (RayS)"

    queries: Annotated[int, Field(ge=1)] = 2000
    """Labels asked for each example, at most."""
    enough: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Radius, in the dataset's units, below which nothing nearer is looked for."""
    draw: Annotated[int, Field(ge=0)] = 0
    """Which of the independent repetitions this is."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        """An example that is mislabelled as it is comes back so, as does one with nothing found."""
        for budget in budgets:
            search = self._search(x, y, budget, draws)
            rays = search.begun(y).only(source.predict(x) == y)
            found = x.flatten(1).clone()
            for _ in range(self.queries - 1):
                if not len(rays.y):
                    break
                signs, radius = search.asked(rays)
                labels = source.predict(search.at(rays, signs, radius).view(-1, *x.shape[1:]))
                search.learn(rays, signs, radius, labels != rays.y)
                done = rays.nearest <= self.enough
                if done.any():  # what is done with leaves the batch
                    search.tell(rays.only(done), found)
                    rays = rays.only(~done)
            search.tell(rays, found)
            yield found.view_as(x)

    def _search(self, x: Tensor, y: Tensor, budget: Threat, draws: Draws) -> Search:
        """How rays are tried."""
        return Search(x, budget, draws, self.draw)


@dataclass
class Rays:
    """The rays of `n` examples that are still asked about, of `F` features each. Radii are in float64."""

    index: Tensor
    """`(n,)` places in the batch."""
    x: Tensor
    """`(n, F)`."""
    y: Tensor
    """`(n,)`."""
    sign: Tensor
    """`(n, F)` int8, the ray at hand."""
    radius: Tensor
    """`(n,)` where it is mislabelled; of no meaning while `lost`."""
    floor: Tensor
    """`(n,)` a smaller one, where it is not; 0 while none is known."""
    step: Tensor
    """`(n,)` how far below the radius to ask next, while no floor is known; it doubles."""
    lost: Tensor
    """`(n,)` whether no ray of this search has left the class yet."""
    narrowing: Tensor
    """`(n,)` whether the next question is about the radius of the ray at hand, and not about another ray."""
    search: Tensor
    """`(n,)` number of the search."""
    turn: Tensor
    """`(n,)` which ray is tried next: below `STARTS` one to start from, beyond that a flip of the ray at hand."""
    depth: Tensor
    """`(n,)` how often the radius that it is tried at is halved, while `lost`."""
    idle: Tensor
    """`(n,)` flips in a row that did not help."""
    place: Tensor
    """`(n, F)` of each feature in the order that blocks are cut from."""
    best: Tensor
    """`(n, F)` int8, the nearest mislabelled ray of all searches,"""
    nearest: Tensor
    """`(n,)` and its radius; infinite while there is none."""

    def only(self, mask: Tensor) -> Rays:
        """Those of some examples."""
        return Rays(*(getattr(self, field.name)[mask] for field in fields(self)))


class Search:
    """How rays are tried and told apart; all of it example by example."""

    def __init__(self, x: Tensor, threat: Threat, draws: Draws, draw: int) -> None:
        self.x, self.threat, self.draws, self.draw = x.flatten(1), threat, draws, draw
        self.blocks = x.new_tensor(blocks(self.x.shape[1])).long()
        self._drawn: dict[tuple[str, int], Tensor] = {}

    def begun(self, y: Tensor) -> Rays:
        """Rays of which nothing is known yet."""
        n, features = self.x.shape
        zeros, none = y.new_zeros(n), self.x.new_zeros(n).double()
        signs, order = self.start(0, 0), y.new_tensor(range(features)).int().expand(n, -1)
        return Rays(
            index=y.new_tensor(range(n)),
            x=self.x,
            y=y,
            sign=signs,
            radius=none,
            floor=none,
            step=none,
            lost=zeros == 0,
            narrowing=zeros != 0,
            search=zeros,
            turn=zeros,
            depth=zeros,
            idle=zeros,
            place=order,
            best=signs,
            nearest=none + float("inf"),
        )

    def asked(self, rays: Rays) -> tuple[Tensor, Tensor]:
        """`(n, F)` signs and `(n,)` radii to ask about next."""
        starting = (rays.turn < STARTS) & ~rays.narrowing
        block = self.blocks[(rays.turn - STARTS).clamp_min(0) % len(self.blocks)]
        flipped = (rays.place >= block[:, :1]) & (rays.place < block[:, 1:])
        flipped &= ~(rays.narrowing | starting)[:, None]
        trial = rays.sign.where(~flipped, -rays.sign)
        for search, turn in set(zip(rays.search[starting].tolist(), rays.turn[starting].tolist(), strict=True)):
            chosen = starting & (rays.search == search) & (rays.turn == turn)
            trial[chosen] = self.start(search, turn)[rays.index[chosen]]
        down = (rays.radius - rays.step).maximum(rays.radius / 2).where(rays.floor == 0, (rays.floor + rays.radius) / 2)
        nearer = (rays.radius * (1 - GAIN)).where(~rays.lost, self._reach(rays) / 2**rays.depth)
        return trial, down.where(rays.narrowing, nearer)

    def at(self, rays: Rays, signs: Tensor, radius: Tensor) -> Tensor:
        """`(n, F)` inputs on rays."""
        return self.threat.cut(rays.x + radius.to(rays.x.dtype)[:, None] * signs)

    def learn(self, rays: Rays, trial: Tensor, radius: Tensor, wrong: Tensor) -> None:
        """Take note of `(n,)` whether what was asked about is mislabelled."""
        kept, failed = wrong & ~rays.narrowing, ~wrong & ~rays.narrowing
        first = radius.where(rays.lost, STEP * radius)  # beside nothing a ray may be any nearer: halves
        rays.step = first.where(kept, 2 * rays.step)
        rays.floor = radius.where(rays.narrowing & ~wrong, rays.floor).masked_fill(kept, 0)
        rays.radius = radius.where(wrong, rays.radius)
        rays.sign = trial.where(kept[:, None], rays.sign)
        rays.lost = rays.lost & ~wrong
        rays.narrowing = (rays.narrowing | kept) & (rays.radius - rays.floor > STEP * rays.radius)
        rays.depth = (rays.depth + (failed & rays.lost)) % DEPTHS
        onwards = ~rays.narrowing & ((rays.depth == 0) | ~rays.lost)
        rays.idle = (rays.idle + (failed & onwards & (rays.turn >= STARTS))).masked_fill(kept, 0)
        rays.turn = rays.turn + onwards
        nearer = wrong & (radius < rays.nearest)
        rays.nearest = radius.where(nearer, rays.nearest)
        rays.best = rays.sign.where(nearer[:, None], rays.best)
        self._anew(rays, rays.idle >= len(self.blocks))

    def tell(self, rays: Rays, found: Tensor) -> None:
        """Write the nearest inputs into `(N, F)` what is found."""
        rays = rays.only(rays.nearest.isfinite())
        found[rays.index] = self.at(rays, rays.best, rays.nearest)

    def _anew(self, rays: Rays, chosen: Tensor) -> None:
        """Begin another search, at random."""
        if not chosen.any():
            return
        rays.search = rays.search + chosen
        rays.turn = rays.turn.masked_fill(chosen, STARTS - 1)
        rays.depth, rays.idle = rays.depth.masked_fill(chosen, 0), rays.idle.masked_fill(chosen, 0)
        rays.lost, rays.narrowing = rays.lost | chosen, rays.narrowing & ~chosen
        rays.place = rays.place.clone()
        for search in set(rays.search[chosen].tolist()):
            these = chosen & (rays.search == search)
            rays.sign[these] = self.start(search, STARTS - 1)[rays.index[these]]
            rays.place[these] = self._order(search)[rays.index[these]]

    def _reach(self, rays: Rays) -> Tensor:
        """`(n,)` the range; where there is none, twice the largest value of the example, and at least 1."""
        if self.threat.clip is None:
            return 2 * rays.x.abs().amax(1).double().clamp_min(0.5)
        return rays.radius.new_full(rays.radius.shape, self.threat.clip[1] - self.threat.clip[0])

    def start(self, search: int, turn: int) -> Tensor:
        """`(N, F)` int8 signs to start from."""
        if search == 0 and turn < 3:
            middle = 0.0 if self.threat.clip is None else sum(self.threat.clip) / 2
            far = (self.x < middle) * 2 - 1
            return (far, far.abs(), -far.abs())[turn].char()
        number = STARTS * search + turn
        return self._by(("signs", number), lambda draw: self.draws.signs(self.x.shape[1:], draw)).char()

    def _order(self, search: int) -> Tensor:
        """`(N, F)` int32 places of the features in a random order."""

        def ranks(draw: int) -> NDArray[np.int64]:
            return self.draws.uniform(self.x.shape[1:], draw).argsort(1).argsort(1)

        return self._by(("order", search), ranks).int()

    def _by(self, what: tuple[str, int], make: Callable[[int], NDArray[Any]]) -> Tensor:
        """What is drawn once for the whole batch."""
        if what not in self._drawn:
            kind, number = what
            draw = (self.draw << 32) + 2 * number + (kind == "order")
            self._drawn[what] = self.x.new_tensor(make(draw))
        return self._drawn[what]


def blocks(features: int) -> list[tuple[int, int]]:
    """Starts and ends of all features, of each half, of each quarter and so on, down to single ones."""
    found: list[tuple[int, int]] = []
    cuts = 1
    while True:
        edges = [features * cut // cuts for cut in range(cuts + 1)]
        found += pairwise(edges)
        if cuts == features:
            return found
        cuts = min(2 * cuts, features)
