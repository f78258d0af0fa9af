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
        self._expand()
        self._due = self._needed(structure.errors(region.middle, region.half))

    def _expand(self) -> None:
        """`(N, S)` the kernels' values and slopes, between which quadratics they stay, and how far off all that is.

        An argument is off by `off` at most, and so is its change: for the first the quadratics are taken that much
        wider than they are used.
        """
        structure = self.structure
        share = sum_roundoff(self.z.shape[1], DOUBLE) + sum_roundoff(len(self._lengths), DOUBLE)
        arguments = structure.arguments(self.z)
        if structure.kernel == "rbf":
            off = 4 * share * structure.gamma * self._length * (self._length + 2 * self._size)
        else:
            off = 4 * share * (structure.gamma * self._lengths * (self._length + self._size) + abs(structure.coef0))
        self.value, self.steep = values(structure, arguments)
        self.reach = self._reach() + off
        self.low, self.high = bends(structure, arguments, self.reach)
        bent = torch.maximum(self.low.abs(), self.high.abs())
        self.loss = (
            off * self.steep.abs()
            + 4 * share * (self.value.abs() + self.steep.abs() * self.reach + bent * self.reach**2)
            + bent * off * (2 * self.reach + off)
        )

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
        """`(N, K, K)` what the sum of kernel terms at the middle, less all that it may lose, is to be above."""
        due = errors - self.structure.bias
        if self.structure.kernel == "rbf":  # exp(-gamma |change|^2) times the sum is to be above it
            most = (self.structure.gamma * self._size**2).exp()[:, :, None]
            due = torch.where(due > 0, due * most * (1 + 1e-12), due)
        return due + self.structure.weighed(self.loss)

    def screened(self, rows: Tensor, first: int, second: int) -> tuple[Tensor, Tensor]:
        """`(n,)` how far what speaks for the first class against the second is above what is due, at least, each term
        on its own; and `(n, features)` inputs where that is low.
        """
        base, a, bent, squares = self._expanded(rows, first, second)
        if self.cube:
            length, point = a.abs().sum(1), -torch.where(a < 0, -1.0, 1.0).to(DOUBLE)
        else:
            a = a.where(a * self.side[rows] <= 0, 0.0)
            length = a.norm(dim=1)
            point = -a / length.clamp_min(1e-300)[:, None]
        return base - length + (bent.clamp_max(0) * squares).sum(1), self._moved(rows, point)

    def bounded(self, row: int, first: int, second: int) -> tuple[float, Tensor]:
        """The same of one row, all terms together, and `(features,)` one input. Nothing of very many features."""
        rows = torch.tensor([row])
        base, a, bent, squares = (part[0] for part in self._expanded(rows, first, second))
        if len(a) > TIGHT or not bool(bent.isfinite().all() & a.isfinite().all()):
            return -torch.inf, self.middle[row]
        used = bent != 0
        vectors = torch.cat([self._single[part] for part in (self._of[first], self._of[second])])[used]
        moved = vectors - self.z[row].to(SINGLE) if self.structure.kernel == "rbf" else vectors
        moved *= (self._rate * self.scale[row]).to(SINGLE)
        quadratic = products(moved, bent[used].to(SINGLE))
        beside = 4 * UNIT * self._rate * float(self._size[row] * self._length[row])  # of a change, for its terms cancel
        off = 4 * sum_roundoff(len(vectors), SINGLE) * squares + 2 * beside * (2 * squares.sqrt() + beside)
        least, point = least_in_cube(a, quadratic) if self.cube else least_in_half_balls(a, quadratic, self.side[row])
        return float(base - (bent.abs() * off).sum()) + least, self._moved(rows, point[None])[0]

    def _expanded(self, rows: Tensor, first: int, second: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`(n,)` what is above what is due at the middle; `(n, features)` its slopes; and `(n, s)` the terms' factors
        of squares of the changes of arguments, and the largest such squares.
        """
        structure, i, j = self.structure, self._of[first], self._of[second]
        mine, theirs = structure.weights[i, second], structure.weights[j, first]
        base = self.value[rows, i] @ mine - self.value[rows, j] @ theirs - self._due[rows, first, second]
        up, down = self.steep[rows, i] * mine, self.steep[rows, j] * theirs
        a = up @ structure.vectors[i] - down @ structure.vectors[j]
        if structure.kernel == "rbf":
            a -= (up.sum(1) - down.sum(1))[:, None] * self.z[rows]
        bent = torch.cat([self.low[rows, i] * mine, -self.high[rows, j] * theirs], dim=1)
        squares = torch.cat([self.reach[rows, i], self.reach[rows, j]], dim=1) ** 2
        return base, a * (self._rate * self.scale[rows]), bent, squares

    def _moved(self, rows: Tensor, point: Tensor) -> Tensor:
        """`(n, features)` inputs of points of the cube, or of the ball."""
        return self.middle[rows] + self.half[rows] * point * self.structure.slope.sign()
