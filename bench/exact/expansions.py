"""Decision values of support vector machines around inputs: second-order expansions that hold all over a ball.

Changes of the input are `scale * v` in the units that the kernel sees, with v in the cube |v_i| <= 1 around the middle
of the box that the ball and the range leave, or in the unit ball around the example where the norm is L2. The argument
of vector s moves by `r_s . v`, and by -gamma |scale v|^2, common to all, in an RBF kernel: a factor on all terms, which
the bias is held against.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from adapters.rounding import sum_roundoff
from adapters.structures.kernel_votes import KernelVotes
from bench.exact.curves import bends, values
from bench.exact.quadratics import least_in_cube, least_in_half_balls, products
from bench.exact.region import Region
from bench.threats import Threat

DOUBLE, SINGLE = torch.float64, torch.float32
UNIT = torch.finfo(SINGLE).eps
TIGHT = 4096
"""Features, at most, whose products two by two are held."""
AGAIN = 3
"""Times that terms are expanded again, nearer to where the bound was low."""
WAY = 0.4
"""So much of the way."""
PART = 512
"""Support vectors at a time: their differences to an input stay in the caches."""


class Expansions:
    """Of all kernel terms, around `N` examples."""

    def __init__(self, structure: KernelVotes, x: Tensor, radius: Tensor, threat: Threat) -> None:
        """
        Args:
            structure: the model.
            x: `(N, features)` float64.
            radius: `(N,)` float64.
            threat: the norm, L_inf or L2, and the range.
        """
        self.structure, self.cube = structure, threat.norm == "linf"
        region = Region(x, radius, threat)
        self.middle = region.middle if self.cube else x
        self.half = region.half if self.cube else radius[:, None].expand_as(x)
        self.z, self.scale = structure.shown(self.middle), structure.slope.abs() * self.half
        self.side = torch.zeros_like(x)
        """`(N, features)` the only sign that v may have of a feature at an end of the range, else 0."""
        if threat.clip is not None:
            self.side = ((x <= threat.clip[0]).double() - (x >= threat.clip[1]).double()) * structure.slope.sign()
        self.decisions = structure.decisions(x)
        self._single, self._lengths = structure.vectors.to(SINGLE), structure.vectors.norm(dim=1)
        self._length = self._lengths.max() + self.z.norm(dim=1, keepdim=True)
        self._size = self.scale.norm(dim=1, keepdim=True) if self.cube else self.scale.amax(1, keepdim=True)
        self._rate: float = 2 * structure.gamma if structure.kernel == "rbf" else structure.gamma
        ends = torch.tensor([0, *structure.sizes]).cumsum(0).tolist()
        self._of = [slice(first, last) for first, last in pairwise(ends)]
        self._share = sum_roundoff(x.shape[1], DOUBLE) + sum_roundoff(len(structure.vectors), DOUBLE)
        self._expand()
        self._bare = self._needed(structure.errors(region.middle, region.half))
        self._due = self._bare + structure.weighed(self.loss)

    def _expand(self) -> None:
        """`(N, S)` the kernels' values and slopes, between which quadratics they stay, and how far off all that is.

        An argument is off by `off` at most, and so is its change: for the first the quadratics are taken that much
        wider than they are used.
        """
        structure, share = self.structure, self._share
        self.arguments = arguments = structure.arguments(self.z)
        if structure.kernel == "rbf":
            off = 4 * share * structure.gamma * self._length * (self._length + 2 * self._size)
        else:
            off = 4 * share * (structure.gamma * self._lengths * (self._length + self._size) + abs(structure.coef0))
        self.value, self.steep = values(structure, arguments)
        self.reach = self._reach() + off
        self.low, self.high = bends(structure, arguments, self.reach, self.reach)
        self.off = off.expand_as(arguments)
        self.loss = self._loss(self.value, self.steep, self.low, self.high, self.reach, self.off)

    def _loss(self, value: Tensor, steep: Tensor, low: Tensor, high: Tensor, span: Tensor, off: Tensor) -> Tensor:
        """How far off a term may be that moves by `span` at most."""
        bent = torch.maximum(low.abs(), high.abs())
        sums = value.abs() + steep.abs() * span + bent * span**2
        return off * steep.abs() + 4 * self._share * sums + bent * off * (2 * span + off)

    def _reach(self) -> Tensor:
        """`(N, S)` how far arguments move at most."""
        vectors = self.structure.vectors
        if self.structure.kernel != "rbf":
            most: Tensor = self.scale @ vectors.abs().T if self.cube else (self.scale**2 @ (vectors**2).T).sqrt()
            return most * self._rate
        wide = torch.empty(len(self.z), len(vectors), dtype=SINGLE)
        for first in range(0, len(vectors), PART):
            part = self._single[first : first + PART]
            for row, (z, scale) in enumerate(zip(self.z.to(SINGLE), self.scale.to(SINGLE), strict=True)):
                apart = (part - z).mul_(scale)
                wide[row, first : first + PART] = apart.abs_().sum(1) if self.cube else apart.norm(dim=1)
        share = sum_roundoff(self.z.shape[1], SINGLE)
        found: Tensor = self._rate * (wide.double() * (1 + share) + 4 * UNIT * self._size * self._length)
        return found

    def _needed(self, errors: Tensor) -> Tensor:
        """`(N, K, K)` what sums of kernel terms are to be above."""
        due = errors - self.structure.bias
        if self.structure.kernel == "rbf":  # exp(-gamma |change|^2) times the sum is to be above it
            most = (self.structure.gamma * self._size**2).exp()[:, :, None]
            due = torch.where(due > 0, due * most * (1 + 1e-12), due)
        return due

    def screened(self, rows: Tensor, first: int, second: int) -> tuple[Tensor, Tensor]:
        """`(n,)` how far what speaks for the first class against the second is above what is due, at least, each term
        on its own; and `(n, features)` inputs where that is low.
        """
        structure, i, j = self.structure, self._of[first], self._of[second]
        mine, theirs = structure.weights[i, second], structure.weights[j, first]
        base = self.value[rows, i] @ mine - self.value[rows, j] @ theirs - self._due[rows, first, second]
        up, down = self.steep[rows, i] * mine, self.steep[rows, j] * theirs
        a = up @ structure.vectors[i] - down @ structure.vectors[j]
        if structure.kernel == "rbf":
            a -= (up.sum(1) - down.sum(1))[:, None] * self.z[rows]
        a *= self._rate * self.scale[rows]
        base += (self.low[rows, i].clamp_max(0) * self.reach[rows, i] ** 2) @ mine
        base -= (self.high[rows, j].clamp_min(0) * self.reach[rows, j] ** 2) @ theirs
        if self.cube:
            length, point = a.abs().sum(1), -torch.where(a < 0, -1.0, 1.0).to(DOUBLE)
        else:
            a = a.where(a * self.side[rows] <= 0, 0.0)
            length = a.norm(dim=1)
            point = -a / length.clamp_min(1e-300)[:, None]
        return base - length, self._moved(rows, point)

    def bounded(self, row: int, first: int, second: int) -> tuple[float, Tensor]:
        """The same of one row, all terms together, and `(features,)` one input. Nothing of very many features.

        First the terms are expanded at the middle; while that is not enough, a part of the way to where the last bound
        is low, unless the pair is lost there. Quadratics that touch there lose nothing, but more on the other side.
        """
        if self.scale.shape[1] > TIGHT:
            return -torch.inf, self.middle[row]
        pair = _Pair(self, row, first, second)
        at = torch.zeros_like(pair.reach)
        best, point = pair.least(at)
        for _ in range(AGAIN):
            low = pair.changes(point)
            if best > 0 or not pair.is_ahead(low):
                break
            at = at + WAY * (low - at)
            bound, point = pair.least(at)
            best = max(best, bound)
        return best, self._moved(torch.tensor([row]), point[None])[0]

    def _moved(self, rows: Tensor, point: Tensor) -> Tensor:
        """`(n, features)` inputs of points of the cube, or of the ball."""
        return self.middle[rows] + self.half[rows] * point * self.structure.slope.sign()


class _Pair:
    """What speaks for one class against another, around one input: of the `s` vectors that have a weight in it."""

    def __init__(self, whole: Expansions, row: int, first: int, second: int) -> None:
        structure, parts = whole.structure, [whole._of[first], whole._of[second]]
        weights = torch.cat([structure.weights[parts[0], second], -structure.weights[parts[1], first]])
        used = torch.cat([torch.arange(part.start, part.stop) for part in parts])[weights != 0]
        self.whole, self.row, self.weights, self.vectors = whole, row, weights[weights != 0], structure.vectors[used]
        self.argument, self.reach, self.off = (part[row, used] for part in (whole.arguments, whole.reach, whole.off))
        self.due = float(whole._bare[row, first, second])
        self.moved = self.vectors.to(SINGLE)
        if structure.kernel == "rbf":
            self.moved = self.moved - whole.z[row].to(SINGLE)
        self.moved = self.moved * (whole._rate * whole.scale[row]).to(SINGLE)
        self.cancelled = 4 * UNIT * whole._rate * float(whole._size[row] * whole._length[row])
        """How far rounding may take a change of an argument in float32, for its terms cancel."""

    def changes(self, point: Tensor) -> Tensor:
        """`(s,)` of the arguments at a point, nearly."""
        return torch.clamp((self.moved @ point.to(SINGLE)).double(), -self.reach, self.reach)

    def is_ahead(self, at: Tensor) -> bool:
        """Whether the first class is at such changes."""
        return float(self.weights @ values(self.whole.structure, self.argument + at)[0]) > self.due

    def least(self, at: Tensor) -> tuple[float, Tensor]:
        """A lower bound of what is above what is due, and where it is low, by quadratics that touch `at` changes."""
        whole, w = self.whole, self.weights
        value, steep = values(whole.structure, self.argument + at)
        low, high = bends(whole.structure, self.argument + at, self.reach + at, self.reach - at)
        bent, slope = w * torch.where(w > 0, low, high), w * steep
        loss = whole._loss(value, steep, low, high, self.reach + at.abs(), self.off)
        base = float(w @ value - slope @ at + bent @ at**2 - w.abs() @ loss) - self.due
        a = self._slopes(slope - 2 * bent * at)
        if not bool(bent.isfinite().all() & a.isfinite().all()):
            return -torch.inf, torch.zeros_like(a)
        q = products(self.moved, bent.to(SINGLE))
        share, apart = 4 * sum_roundoff(len(w), SINGLE), self.cancelled
        rounded = share * self.reach**2 + 2 * apart * (2 * self.reach + apart)
        least, point = least_in_cube(a, q) if whole.cube else least_in_half_balls(a, q, whole.side[self.row])
        return base - float(bent.abs() @ rounded) + least, point

    def _slopes(self, factors: Tensor) -> Tensor:
        """`(features,)` of the sum of factors times the arguments."""
        whole = self.whole
        a = factors @ self.vectors
        if whole.structure.kernel == "rbf":
            a = a - factors.sum() * whole.z[self.row]
        return a * (whole._rate * whole.scale[self.row])
