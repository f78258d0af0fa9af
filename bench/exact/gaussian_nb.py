"""Gaussian naive Bayes: the difference of two scores is a sum of quadratics of one feature each.

Within a box each is least at an end or at its vertex, on its own, so that the least difference in the box of radius e
is known exactly, and falls as e grows: the radius is its root, found by bisection. A class whose difference is still
above 0 in the box of the nearest rival found so far is farther away.

Rounding: a score is off by a share s of its quadratic, which makes p_t (1 - s) and p_y (1 + s) of the precisions p of
the rival and of the label: quadratics again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from adapters.structures.base import Structure
from adapters.structures.gaussian_nb import GaussianNB
from bench.exact.base import Certificate, Effort, Proof
from bench.threats import Threat

BLOCK = 32
"""Examples at a time: so few stay in the caches."""
HALVINGS = 40
"""Of the first interval."""
DOUBLINGS = 200
"""Of a radius, where there is no range, before a rival counts as not found."""
NUDGE = 1e-7
"""How far beyond the root, relative to it, a witness is sought first."""
TRIES = 24
"""Each twice as far."""


class GaussianNBCertificate(Certificate):
    """Exact in L_inf."""

    norms: ClassVar[Collection[str]] = ("linf",)

    def prove(self, structure: Structure, x: Tensor, y: Tensor, threat: Threat, effort: Effort) -> Proof:
        assert isinstance(structure, GaussianNB)
        blocks = zip(torch.split(x, BLOCK), torch.split(y, BLOCK), strict=True)
        proofs = [self._prove(structure, some, labels, threat, effort, len(x)) for some, labels in blocks]
        return Proof(*map(torch.cat, zip(*proofs, strict=True))) if len(x) else Proof(y.double(), x, y > 0)

    def _prove(self, structure: GaussianNB, x: Tensor, y: Tensor, threat: Threat, effort: Effort, total: int) -> Proof:
        """Of a block of the `total` examples."""
        flat, scores = x.flatten(1).double(), structure.scores(x)
        own = (torch.tensor(structure.classes) == y[:, None]).long().argmax(1)
        margins = (scores.gather(1, own[:, None]) - scores).scatter(1, own[:, None], torch.inf)
        order = (margins / _slopes(structure, flat, own)).nan_to_num(torch.inf).argsort(1)
        lower, upper = torch.full((2, len(x)), torch.inf, dtype=torch.float64)
        rival, sure = own.clone(), torch.ones(len(x), dtype=torch.bool)
        for place in range(len(structure.classes) - 1):
            if effort.is_over(total):
                lower, sure = torch.zeros_like(lower), torch.zeros_like(sure)  # of the others nothing is known
                break
            at = order[:, place]
            low, high = _root(_Pair.of(structure, flat, own, at, threat), upper)
            closer = high < upper
            upper, rival = torch.where(closer, high, upper), torch.where(closer, at, rival)
            lower = torch.minimum(lower, low)
        witness, found = _witness(structure, x, own, rival, upper, threat)
        return Proof(lower, witness.view_as(x), sure & (found | lower.isinf()))


class _Pair(NamedTuple):
    """For each of `N` examples one rival against the own class, both guarded against rounding. `(N, F)` but `rest`."""

    x: Tensor
    low: Tensor
    high: Tensor
    """Ends of the range, infinite where there is none."""
    own: Tensor
    """Means of the own class."""
    rival: Tensor
    up: Tensor
    """Half the rival's inverse variances: how fast the difference grows away from its mean."""
    down: Tensor
    vertex: Tensor
    """Where the difference is least, or if it is concave largest."""
    rest: Tensor
    """`(N,)` what does not depend on the input."""

    @classmethod
    def of(cls, structure: GaussianNB, x: Tensor, own: Tensor, rival: Tensor, threat: Threat) -> _Pair:
        ends = threat.clip or (-torch.inf, torch.inf)
        up = structure.inverse[rival] * ((1 - structure.share) / 2)
        down = structure.inverse[own] * ((1 + structure.share) / 2)
        means = structure.mean[own], structure.mean[rival]
        vertex = ((up * means[1] - down * means[0]) / (up - down)).nan_to_num(0.0)
        difference = structure.constant[own] - structure.constant[rival]
        rest = difference - structure.share * (structure.size[own] + structure.size[rival])
        return cls(x, x.clamp_max(ends[0]), x.clamp_min(ends[1]), *means, up, down, vertex, rest)

    def at(self, rows: Tensor) -> _Pair:
        return _Pair(*(part[rows] for part in self))

    def values(self, point: Tensor) -> Tensor:
        """`(N, F)` what each feature adds to the difference."""
        return self.up * (point - self.rival).square() - self.down * (point - self.own).square()

    def least(self, radius: Tensor) -> tuple[Tensor, Tensor]:
        """`(N,)` the least difference of scores within `(N,)` radii, and `(N, F)` where it is."""
        lowest = torch.maximum(self.x - radius[:, None], self.low)
        highest = torch.minimum(self.x + radius[:, None], self.high)
        inner = torch.minimum(torch.maximum(self.vertex, lowest), highest)
        first, second = self.values(lowest), self.values(highest)
        end = torch.where(first < second, lowest, highest)
        point = torch.where(self.up > self.down, inner, end)
        return self.rest + self.values(point).sum(1), point

    def reach(self) -> Tensor:
        """`(N,)` radii from which on the box is all there is: infinite without a range."""
        return torch.maximum(self.x - self.low, self.high - self.x).amax(1)


def _slopes(structure: GaussianNB, x: Tensor, own: Tensor) -> Tensor:
    """`(N, K)` how fast the differences change at the examples, for an order to go by."""
    slopes = []
    for mean, inverse in zip(structure.mean, structure.inverse, strict=True):
        gradient = (x - mean) * inverse - (x - structure.mean[own]) * structure.inverse[own]
        slopes.append(gradient.abs().sum(1))
    return torch.stack(slopes, dim=1)


def _root(pair: _Pair, upper: Tensor) -> tuple[Tensor, Tensor]:
    """`(N,)` radii up to which the differences are above 0, and from which on they are not, infinite where they always
    are. Where there is no change up to `upper`, that for both, for somebody is nearer.
    """
    start = torch.minimum(pair.reach(), upper)
    bounded = start.isfinite()
    low, high = torch.zeros_like(start), start.where(bounded, 1e-3)
    rows = (~bounded).nonzero()[:, 0]  # no range: is there an end at all?
    if len(rows):
        some = pair.at(rows)
        never = (some.up > some.down).all(1) & (some.rest + some.values(some.vertex).sum(1) > 0)
        low[rows[never]] = high[rows[never]] = torch.inf
        rows = rows[~never]
    for _ in range(DOUBLINGS):
        rows = rows[pair.at(rows).least(high[rows])[0] > 0]
        if not len(rows):
            break
        low[rows], high[rows] = high[rows], 2 * high[rows]
    high[rows] = torch.inf
    rows = bounded.nonzero()[:, 0]
    apart = pair.at(rows).least(high[rows])[0] > 0
    beyond = rows[apart]
    low[beyond] = high[beyond] = torch.where(upper[beyond] <= start[beyond], upper[beyond], torch.inf)
    rows = (high.isfinite() & (low < high)).nonzero()[:, 0]
    some = pair.at(rows)
    for _ in range(HALVINGS if len(rows) else 0):
        middle = (low[rows] + high[rows]) / 2
        above = some.least(middle)[0] > 0
        low[rows], high[rows] = torch.where(above, middle, low[rows]), torch.where(above, high[rows], middle)
    return low, high


def _witness(
    structure: GaussianNB, x: Tensor, own: Tensor, rival: Tensor, radius: Tensor, threat: Threat
) -> tuple[Tensor, Tensor]:
    """`(N, F)` inputs a little beyond the radii that are labelled otherwise, whatever rounding does, and `(N,)` whether
    there is one; else the example.
    """
    flat = x.flatten(1)
    witness, found = flat.clone(), torch.zeros(len(x), dtype=torch.bool)
    rows = radius.isfinite().nonzero()[:, 0]
    for step in range(TRIES):
        if not len(rows):
            break
        pair = _Pair.of(structure, flat[rows].double(), own[rows], rival[rows], threat)
        farther = radius[rows] * (1 + NUDGE * 2**step) + NUDGE / 100 * 2**step
        point = threat.cut(pair.least(farther)[1].to(x.dtype))
        scores = structure.scores(point)
        lead = scores.gather(1, rival[rows, None]) - scores.gather(1, own[rows, None])
        flips = lead[:, 0] > structure.roundoff(point)
        hit = rows[flips]
        witness[hit], found[hit] = point[flips], True
        rows = rows[~flips]
    return witness, found
