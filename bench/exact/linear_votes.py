"""Pairs of classes that vote by linear functions: how far each pair is from its hyperplane, in closed form.

Up to the least of the distances of the own class's pairs it has all its votes. Where the nearest input beyond that
hyperplane is labelled otherwise, that is the exact answer; else the class still has enough votes there, and the
distances of all pairs, in their order, tell up to where (`bench.exact.votes`): a bound, for hyperplanes are counted
as crossed from there on, all at once.

Rounding: as of linear classifiers (`bench.exact.linear`), pair by pair.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

import torch
from torch import Tensor

from adapters.structures.base import Structure
from adapters.structures.linear_votes import LinearVotes
from adapters.structures.votes import by_pair
from bench.exact.base import Certificate, Effort, Proof
from bench.exact.linear import FAR, SAME, TINY, least
from bench.exact.passes import OutOfTime
from bench.exact.votes import elected
from bench.threats import Threat
from bench.threats.base import ULP

BLOCK = 256
"""Examples at a time: so few stay in the caches."""


class LinearVotesCertificate(Certificate):
    """L_inf, L2 and L1: exact where the first pair that is lost decides, bounds elsewhere."""

    norms: ClassVar[Collection[str]] = ("linf", "l2", "l1")

    def prove(self, structure: Structure, x: Tensor, y: Tensor, threat: Threat, effort: Effort) -> Proof:
        assert isinstance(structure, LinearVotes)
        own = (torch.tensor(structure.classes) == y[:, None]).long().argmax(1)
        proof = Proof(torch.zeros(len(x), dtype=torch.float64), x.clone(), torch.zeros(len(x), dtype=torch.bool))
        for rows in torch.split(torch.arange(len(x)), BLOCK):
            block = _Block(structure, x[rows], own[rows], threat, effort, len(x))
            try:
                block.settle()
            except OutOfTime:
                break
            for whole, part in zip(proof, block.proof, strict=True):
                whole[rows] = part.view_as(whole[rows])
        return proof


class _Block:
    """Some examples, and their distances to hyperplanes."""

    def __init__(
        self, structure: LinearVotes, x: Tensor, own: Tensor, threat: Threat, effort: Effort, total: int
    ) -> None:
        self.structure, self.own, self.threat, self.effort, self.total = structure, own, threat, effort, total
        self.x, self.flat = x.flatten(1), x.flatten(1).double()
        self.values, self.off = structure.pairs.scores(x), structure.errors(x)
        self.near = torch.full_like(self.values, torch.inf)
        """`(N, P)` lower bounds of the distances within the range, infinite of those not asked for."""
        self.far = torch.full((len(x),), torch.inf, dtype=torch.float64)
        """`(N,)` lengths of the changes to the witnesses."""
        self.proof = Proof(torch.zeros_like(self.far), self.x.clone(), torch.zeros(len(x), dtype=torch.bool))

    def settle(self) -> None:
        """Prove all. Raises OutOfTime."""
        first, second = torch.triu_indices(len(self.structure.classes), len(self.structure.classes), 1)
        mine = (self.own[:, None] == first) | (self.own[:, None] == second)
        self._measure(mine)
        radius = self.near.amin(1) if len(first) else self.far
        # With all its pairs a class has most votes until the first of them is lost; the witness there is the nearest.
        ahead = by_pair(self.values, len(self.structure.classes))[torch.arange(len(self.own)), self.own] > 0
        exact = (self._found(radius) | radius.isinf()) & (ahead.sum(1) == len(self.structure.classes) - 1)
        rest = ~exact
        if bool(rest.any()):
            self._measure(~mine & rest[:, None])
            radius = torch.where(rest, self._elected_to(), radius)
            exact |= rest & (self._found(radius) | radius.isinf())
        self.proof.radius[:], self.proof.exact[:] = radius * (1 - SAME), exact

    def _found(self, radius: Tensor) -> Tensor:
        """Whether the witness is no farther than the radius, but for what rounding is guarded by."""
        return self.far <= radius * (1 + 1e-6) + 16 * ULP * self.flat.abs().amax(1)

    def _measure(self, asked: Tensor) -> None:
        """The distances of the pairs that `(N, P)` says, and the nearest mislabelled inputs behind them."""
        for pair in asked.any(0).nonzero()[:, 0].tolist():
            if self.effort.is_over(self.total):
                raise OutOfTime
            self._cross(asked[:, pair].nonzero()[:, 0], pair)

    def _cross(self, rows: Tensor, pair: int) -> None:
        points, values, off = self.flat[rows], self.values[rows, pair], self.off[rows, pair]
        toward = -values.sign()[:, None] * self.structure.pairs.weight[pair]
        rounded = ULP * (points.abs() * toward.abs()).sum(1)  # of the witness, in float32
        beyond = ((values.abs() + 2 * off + rounded) * (1 + 4 * ULP)).clamp_min(TINY)
        far, step = least(points, toward, beyond, self.threat)
        reach = points.abs() + far.clamp_max(FAR)[:, None]
        if self.threat.clip is not None:
            reach = reach.clamp_max(max(map(abs, self.threat.clip)))
        off = self.structure.errors(torch.maximum(reach, points.abs()))[:, pair]
        near, _ = least(points, toward, (values.abs() - off).clamp_min(0), self.threat)
        self.near[rows, pair] = near
        ends = self.threat.cut((points + toward.sign() * step).to(self.x.dtype))
        scores = self.structure.scores(ends)
        lead = scores.gather(1, self.own[rows, None])[:, 0] - scores.amax(1)
        hit = (lead < -self.structure.roundoff(ends)) & (far < self.far[rows])
        self.far[rows[hit]], self.proof.witness[rows[hit]] = far[hit], ends[hit]

    def _elected_to(self) -> Tensor:
        """`(N,)` the largest distance before which the pairs still uncrossed decide for the own class."""
        count = len(self.structure.classes)
        order = torch.cat([torch.zeros_like(self.far)[:, None], self.near.sort(1).values], dim=1)
        low, high = torch.zeros(len(order), dtype=torch.int64), torch.full((len(order),), order.shape[1])
        while bool((high - low > 1).any()):  # low is elected, high is not
            middle = (low + high) // 2
            uncrossed = self.near >= order.gather(1, middle[:, None])
            leading = by_pair(uncrossed * self.values.sign(), count) > 0
            held = elected(leading, self.own, self.structure.breaks_ties)
            low, high = torch.where(held, middle, low), torch.where(held, high, middle)
        return order.gather(1, low[:, None])[:, 0]
