"""Nearest neighbours: how near there is no input that rivals' points win, exactly where one point decides.

An input x + d is nearer to a rival's point j than to a point i of the example's own class where

    2 (z_j - z_i) . d  >=  h_ij = |x - z_j|^2 - |x - z_i|^2

so `d` has norm at least `b_ij = h_ij / (2 |z_j - z_i|_q)`, q dual to the norm. A rival's point is among the k that vote,
and k // 2 of the own class at most, only if all but k // 2 of its own-class inequalities hold: no nearer than the
(k // 2 + 1)-th largest of its `b_ij`; and (k + 1) // 2 such points are needed. Any subset of the i will do for a bound.

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

from adapters.structures.base import Structure
from adapters.structures.neighbours import Neighbours
from bench.exact.base import Certificate, Effort, Proof
from bench.exact.cells import Cell, Found
from bench.threats import Threat

NEAR = 20
"""Points of the own class, the nearest, that bounds are taken from."""
VISITS = 400
"""Rivals' points that programmes are solved for, at most, for one example."""
BLOCK = 1024
"""Rivals' points that bounds are taken of at once."""
SAFE = 1 - 1e-9
"""What is left of a bound for the rounding of our own float64."""
HALVINGS = 20


class NeighboursCertificate(Certificate):
    """L_inf and L2: exact with one neighbour, bounds with more."""

    norms: ClassVar[Collection[str]] = ("linf", "l2")

    def prove(self, structure: Structure, x: Tensor, y: Tensor, threat: Threat, effort: Effort) -> Proof:
        assert isinstance(structure, Neighbours)
        radius, exact = torch.zeros(len(x), dtype=torch.float64), torch.zeros(len(x), dtype=torch.bool)
        witness = x.clone()
        own = (torch.tensor(structure.classes) == y[:, None]).long().argmax(1)
        for row in range(len(x)):
            if effort.is_over(len(x)):
                break
            one = _Example(structure, x[row].flatten().double(), int(own[row]), threat)
            radius[row], moved, exact[row] = one.proved()
            if moved is not None:
                witness[row] = moved.to(x.dtype).view_as(x[row])
        return Proof(radius, witness, exact)


class _Example:
    """One example among the stored points: own ones and rivals', nearest first."""

    def __init__(self, structure: Neighbours, x: Tensor, own: int, threat: Threat) -> None:
        self.structure, self.x, self.threat, self.own = structure, x, threat, own
        apart = structure.points - x
        squares = (apart * apart).sum(1)
        mine = structure.owners == own
        self.mine, self.theirs = (structure.points[which][squares[which].argsort()] for which in (mine, ~mine))
        self.near, self.far = (squares[which].sort().values for which in (mine, ~mine))
        if len(self.far):
            self.reach = float(threat.geometry.lengths((self.theirs[0] - x)[None]))
            reach = self.reach * (len(x) ** 0.5 if threat.norm == "linf" else 1.0)  # in Euclidean length
            last = float(squares.topk(structure.k, largest=False).values[-1].sqrt())
            distance = torch.tensor([last + reach], dtype=torch.float64)
            self.guard = float(structure.blur(distance, x.norm()[None] + reach))

    def proved(self) -> tuple[float, Tensor | None, bool]:
        """The radius, a witness where there is one, and whether the radius is that of the nearest."""
        k = self.structure.k
        few = (k + 1) // 2
        if len(self.far) < few:  # rivals never have as many votes
            return torch.inf, None, True
        bounds = self._bounds(k // 2)
        if k > 1:
            return min(float(bounds.kthvalue(few).values) * SAFE, self.reach), self._halved(), False
        radius, moved, exact = self._nearest(bounds)
        return min(radius, self.reach), moved, exact  # the guard was taken no farther than that

    def _bounds(self, spared: int) -> Tensor:
        """`(R,)` of each rival's point the largest `b_ij` but for the `spared` largest."""
        mine, near = self.mine[: NEAR + spared], self.near[: NEAR + spared]
        if len(mine) <= spared:
            return torch.zeros(len(self.far), dtype=torch.float64)
        found = []
        for theirs, far in zip(self.theirs.split(BLOCK), self.far.split(BLOCK), strict=True):
            lead = (far[:, None] - near - self.guard).clamp_min(0)
            apart = torch.cdist(theirs, mine, p=1.0 if self.threat.norm == "linf" else 2.0).clamp_min(1e-300)
            found.append((lead / (2 * apart)).topk(spared + 1, dim=1).values[:, -1])
        return torch.cat(found)

    def _nearest(self, bounds: Tensor) -> tuple[float, Tensor | None, bool]:
        """Of one neighbour: rivals' points in the order of their bounds, until the next is beyond the best."""
        best = Found(torch.inf, None)
        open_, place = torch.inf, 0
        for place, rival in enumerate(bounds.argsort(stable=True).tolist()):
            if float(bounds[rival]) >= best.radius:
                return min(best.radius, open_) * SAFE, best.moved, best.closed and open_ >= best.radius
            if place == VISITS:
                open_ = min(open_, float(bounds[rival]))
                break
            cell = Cell(self.x, self.theirs[rival], float(self.far[rival]), self.mine, self.near, self.guard, self.threat)
            found = cell.nearest(below=best.radius)
            if not found.closed:
                open_ = min(open_, max(found.radius, float(bounds[rival])))
            elif found.radius < best.radius:
                best = found
        return min(best.radius, open_) * SAFE, best.moved, open_ >= best.radius

    def _halved(self) -> Tensor | None:
        """A mislabelled input on the way to the points that surely win, as near as halving finds one."""
        most = self.structure.k // 2 + 1
        owners = self.structure.owners
        squares = ((self.structure.points - self.x) ** 2).sum(1)
        best: tuple[float, Tensor] | None = None
        for rival in range(len(self.structure.classes)):
            points = self.structure.points[owners == rival]
            if rival == self.own or len(points) < most:
                continue
            near = squares[owners == rival].topk(most, largest=False).indices
            step = points[near].mean(0) - self.x
            low, high = 0.0, 1.0
            if not self._lost(self.x + step):
                continue
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                low, high = (low, middle) if self._lost(self.x + middle * step) else (middle, high)
            length = high * float(self.threat.geometry.lengths(step[None]))
            if best is None or length < best[0]:
                best = length, self.x + high * step
        return None if best is None else best[1]

    def _lost(self, moved: Tensor) -> bool:
        """Whether the class is lost, whatever rounding does."""
        seen = self.threat.cut(moved.float())[None]
        scores = self.structure.scores(seen)
        others = scores.scatter(1, torch.tensor([[self.own]]), -torch.inf).amax(1)
        return bool(others - scores[:, self.own] > self.structure.roundoff(seen))
