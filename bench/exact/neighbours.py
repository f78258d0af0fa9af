"""Nearest neighbours: how near there is no input that rivals' points win, exactly where one point decides.

An input x + d is nearer to a rival's point j than to a point i of the example's own class where

    2 (z_j - z_i) . d  >=  h_ij = |x - z_j|^2 - |x - z_i|^2

so `d` has norm at least `b_ij = h_ij / (2 |z_j - z_i|_q)`, q dual to the norm. A rival's point is among the k that
vote, and k // 2 of the own class at most, only if all but k // 2 of its own-class inequalities hold: no nearer than the
(k // 2 + 1)-th largest of its `b_ij`; and (k + 1) // 2 such points are needed. Any of the i will do for a bound.

With one neighbour the nearest input that j wins solves a quadratic or linear programme, whose inequalities are added as
they turn out violated (Yang et al. 2020, arXiv 1906.03310; Wang et al. 2019, arXiv 1906.03972). Rivals are visited in
the order of their bounds until the next bound is beyond the best. What is told is never the solver's word: its
multipliers make one inequality of them all, whose nearest solution within the range has a closed form.

Rounding: `h_ij` is lessened by all that it can do to a difference of squared distances, out to the nearest rival.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from adapters.structures.base import Structure
from adapters.structures.neighbours import Neighbours
from bench.exact.base import Certificate, Effort, Proof
from bench.exact.cells import Cell, Found
from bench.threats import Threat

NEAR = 20
"""Points of the own class, the nearest, that bounds are taken from."""
VISITS = 400
"""Rivals' points that programmes are solved for, at most, for one example."""
AT_ONCE = 64
"""Examples whose distances are held at once."""
PAD = 1e-12
"""Share of the points' squared lengths added to squared distances that are differences of such."""
SAFE = 1 - 1e-9
"""What is left of a bound for the rounding of our own float64."""
HALVINGS = 20


class NeighboursCertificate(Certificate):
    """L_inf and L2: exact with one neighbour, bounds with more."""

    norms: ClassVar[Collection[str]] = ("linf", "l2")

    def prove(self, structure: Structure, x: Tensor, y: Tensor, threat: Threat, effort: Effort) -> Proof:
        assert isinstance(structure, Neighbours)
        radius, exact = torch.zeros(len(x), dtype=torch.float64), torch.zeros(len(x), dtype=torch.bool)
        witness, stored = x.clone(), _Stored(structure, threat)
        own = (torch.tensor(structure.classes) == y[:, None]).long().argmax(1)
        for rows in torch.split(torch.arange(len(x)), AT_ONCE):
            squares = structure.squares(x[rows])
            for row, apart in zip(rows.tolist(), squares, strict=True):
                if effort.is_over(len(x)):
                    return Proof(radius, witness, exact)
                one = _Example(stored, x[row].flatten().double(), int(own[row]), apart)
                radius[row], moved, exact[row] = one.proved()
                if moved is not None:
                    witness[row] = moved.to(x.dtype).view_as(x[row])
        return Proof(radius, witness, exact)


class _Stored:
    """What all examples share: the stored points' lengths, and each class's points."""

    def __init__(self, structure: Neighbours, threat: Threat) -> None:
        self.structure, self.threat = structure, threat
        self.lengths = (structure.points**2).sum(1)
        self.pad = PAD * 4 * float(self.lengths.max())
        self._members: dict[int, tuple[Tensor, Tensor]] = {}

    def members(self, own: int) -> tuple[Tensor, Tensor]:
        """Places of a class's points, and the points."""
        if own not in self._members:
            places = (self.structure.owners == own).nonzero()[:, 0]
            self._members[own] = places, self.structure.points[places]
        return self._members[own]

    def apart(self, places: Tensor) -> Tensor:
        """`(M, m)` distances of all points to some, in the dual norm; never too small."""
        points, some = self.structure.points, self.structure.points[places]
        if self.threat.norm == "linf":
            return torch.cdist(points, some, p=1.0) + self.pad
        products = self.lengths[:, None] + self.lengths[places] - 2 * points @ some.T
        return (products.clamp_min(0) + self.pad).sqrt()  # what cancels between the squares is padded


class _Example:
    """One example among the stored points."""

    def __init__(self, stored: _Stored, x: Tensor, own: int, squares: Tensor) -> None:
        self.stored, self.structure, self.threat = stored, stored.structure, stored.threat
        self.x, self.own, self.squares = x, own, squares
        self.mine, self.points = stored.members(own)
        self.rivals = self.structure.owners != own
        if self.rivals.any():
            nearest = int(squares.where(self.rivals, torch.inf).argmin())
            self.reach = float(self.threat.geometry.lengths((self.structure.points[nearest] - x)[None]))
            reach = self.reach * (len(x) ** 0.5 if self.threat.norm == "linf" else 1.0)  # in Euclidean length
            last = float(squares.topk(self.structure.k, largest=False).values[-1].sqrt())
            distance = torch.tensor([last + reach], dtype=torch.float64)
            self.guard = float(self.structure.blur(distance, x.norm()[None] + reach))

    def proved(self) -> tuple[float, Tensor | None, bool]:
        """The radius, a witness where there is one, and whether the radius is that of the nearest."""
        k = self.structure.k
        few = (k + 1) // 2
        if int(self.rivals.sum()) < few:  # rivals never have as many votes
            return torch.inf, None, True
        bounds = self._bounds(k // 2)
        if k > 1:
            return min(float(bounds.kthvalue(few).values) * SAFE, self.reach), self._halved(), False
        radius, moved, exact = self._nearest(bounds)
        return min(radius, self.reach), moved, exact  # the guard was taken no farther than that

    def _bounds(self, spared: int) -> Tensor:
        """`(M,)` of each rival's point the largest `b_ij` but for the `spared` largest; infinite of the own class's."""
        near = self.squares[self.mine].topk(min(NEAR + spared, len(self.mine)), largest=False)
        if len(near.values) <= spared:
            return torch.zeros(len(self.squares), dtype=torch.float64).masked_fill(~self.rivals, torch.inf)
        lead = (self.squares[:, None] - near.values - self.guard).clamp_min(0)
        bounds = lead / (2 * self.stored.apart(self.mine[near.indices]))
        return bounds.topk(spared + 1, dim=1).values[:, -1].masked_fill(~self.rivals, torch.inf)

    def _nearest(self, bounds: Tensor) -> tuple[float, Tensor | None, bool]:
        """Of one neighbour: rivals' points in the order of their bounds, until the next is beyond the best."""
        best, open_ = Found(torch.inf, None), torch.inf
        for place, rival in enumerate(bounds.argsort(stable=True).tolist()):
            if float(bounds[rival]) >= best.radius:
                break
            if place == VISITS:
                open_ = min(open_, float(bounds[rival]))
                break
            due = float(self.squares[rival]) - self.squares[self.mine] - self.guard
            cell = Cell(self.x, self.structure.points[rival], self.points, due, self.guard, self.threat)
            found = cell.nearest(below=best.radius)
            if not found.closed:
                open_ = min(open_, max(found.radius, float(bounds[rival])))
            elif found.radius < best.radius:
                best = found
        return min(best.radius, open_) * SAFE, best.moved, open_ >= best.radius

    def _halved(self) -> Tensor | None:
        """A mislabelled input on the way to the points that surely win, as near as halving finds one."""
        most, steps = self.structure.k // 2 + 1, []
        for rival in range(len(self.structure.classes)):
            places, points = self.stored.members(rival)
            if rival != self.own and len(places) >= most:
                steps.append(points[self.squares[places].topk(most, largest=False).indices].mean(0) - self.x)
        if not steps:
            return None
        ways = torch.stack(steps, dim=1)
        along = (self.x @ ways) - self.structure.points @ ways  # half of how fast squared distances grow at first
        low, high = torch.zeros(ways.shape[1], dtype=torch.float64), torch.ones(ways.shape[1], dtype=torch.float64)
        there = self._lost(along, ways, high)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            lost = self._lost(along, ways, middle)
            low, high = low.where(lost, middle), middle.where(lost, high)
        lengths = (high * self.threat.geometry.lengths(ways.T)).where(there, torch.inf)
        best = int(lengths.argmin())
        return self.x + high[best] * ways[:, best] if bool(there[best]) else None

    def _lost(self, along: Tensor, ways: Tensor, share: Tensor) -> Tensor:
        """`(C,)` whether the class is outvoted, rounding aside, that share of each of `(features, C)` ways along."""
        squares = self.squares[:, None] + 2 * share * along + share**2 * (ways**2).sum(0)
        k = self.structure.k
        near = squares.topk(min(k + 1, len(squares)), dim=0, largest=False)
        votes = one_hot(self.structure.owners[near.indices[:k]], len(self.structure.classes)).sum(0)
        others = votes.scatter(1, torch.full((len(votes), 1), self.own), 0).amax(1)
        apart = near.values[-1] - near.values[k - 1] > self.guard if len(squares) > k else torch.tensor(True)
        return (others > votes[:, self.own]) & apart
