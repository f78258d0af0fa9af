"""Support vector machines: every pair of classes has a decision value, and votes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from adapters.errors import Unsupported
from adapters.rounding import sum_roundoff
from adapters.structures.base import Structure
from adapters.structures.linear import STEPS
from adapters.structures.votes import blurred, votes

DOUBLE = torch.float64
KERNELS = ("rbf", "poly", "sigmoid")
AT_A_TIME = 256
"""Examples: the kernel values of so many are held at once."""
LARGE = 64
"""Degree of a polynomial, at most."""


@dataclasses.dataclass(frozen=True)
class KernelVotes(Structure):
    """Scores are votes of pairs; what speaks for class i against j is d_ij = -d_ji,

        d_ij = sum over i's vectors s of w[s, j] K(s, z) - sum over j's vectors s of w[s, i] K(s, z) + bias[i, j],

    of the input `z = slope * x + offset`, and K(s, z) is

        rbf      exp(-gamma |s - z|^2)
        poly     (gamma s . z + coef0) ^ degree
        sigmoid  tanh(gamma s . z + coef0)
    """

    kind: ClassVar[str] = "kernel-votes"

    vectors: Tensor
    """`(S, features)` float64, class by class."""
    sizes: tuple[int, ...]
    """How many are of each class."""
    weights: Tensor
    """`(S, K)` float64, w[s, j] of the vectors of other classes than j, none below 0."""
    bias: Tensor
    """`(K, K)` float64, antisymmetric."""
    kernel: str
    gamma: float
    coef0: float
    degree: int
    breaks_ties: bool
    """How ties of votes are broken, see `adapters.structures.votes`."""
    slope: Tensor
    """`(features,)` float64."""
    offset: Tensor
    """`(features,)` float64."""
    slip: Tensor
    """`(features,)` float64: the model computes of inputs off from z by at most `slip |x| + rest`."""
    rest: Tensor
    """`(features,)` float64."""

    def __post_init__(self) -> None:
        """Raise ValueError unless all fields fit each other and are finite."""
        super().__post_init__()
        count, features = len(self.classes), self.vectors.shape[-1] if self.vectors.ndim == 2 else 0
        if len(self.sizes) != count or min(self.sizes) < 0:
            raise ValueError("it does not say how many vectors each class has")
        row, total = (features,), sum(self.sizes)
        shapes = {"vectors": (total, features), "weights": (total, count), "bias": (count, count),
                  "slope": row, "offset": row, "slip": row, "rest": row}  # fmt: skip
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value.dtype != DOUBLE or tuple(value.shape) != shape:
                raise ValueError(f"its {name} is {value.dtype} of shape {tuple(value.shape)}, not float64 of {shape}")
            if not bool(value.isfinite().all()):
                raise ValueError(f"its {name} is not finite")
        if bool((self.weights < 0).any()) or not torch.equal(self.bias, -self.bias.T):
            raise ValueError("a weight is negative, or the biases of a pair are not each other's opposite")
        if bool((self.slip < 0).any()) or bool((self.rest < 0).any()):
            raise ValueError("its bound on rounding is negative")
        if self.kernel not in KERNELS or not (0 <= self.gamma < math.inf and abs(self.coef0) < math.inf):
            raise ValueError("its kernel is none that is known, or has parameters that make no sense")
        if not 0 <= self.degree <= LARGE:
            raise ValueError(f"its degree is not between 0 and {LARGE}")

    @classmethod
    def plain(
        cls, classes: Sequence[int], vectors: Tensor, sizes: Sequence[int], weights: Tensor, bias: Tensor, *,
        kernel: str, gamma: float, coef0: float = 0.0, degree: int = 3, breaks_ties: bool = False
    ) -> KernelVotes:  # fmt: skip
        """Of a model that computes in float64, of inputs as they are."""
        one, zero = (fill.repeat(vectors.shape[1]) for fill in torch.tensor([[1.0], [0.0]], dtype=DOUBLE))
        return cls(
            tuple(classes), vectors, tuple(sizes), weights, bias,
            kernel, gamma, coef0, degree, breaks_ties, one, zero, zero, zero,
        )  # fmt: skip

    def scores(self, x: Tensor) -> Tensor:
        return self._by_parts(x, lambda square, _: votes(square, self.breaks_ties))

    def roundoff(self, x: Tensor) -> Tensor:
        return self._by_parts(x, lambda square, error: blurred(square, error, self.breaks_ties))

    def _by_parts(self, x: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        flat = x.flatten(1).to(DOUBLE)
        parts = torch.split(flat, AT_A_TIME) if len(flat) else [flat]
        return torch.cat([of(self.decisions(part), self.errors(part, torch.zeros_like(part))) for part in parts])

    def shown(self, x: Tensor) -> Tensor:
        """`(N, features)` z of `(N, features)` float64 inputs."""
        return x * self.slope + self.offset

    def arguments(self, z: Tensor) -> Tensor:
        """`(N, S)` what the kernel is a function of: `-gamma |s - z|^2`, or `gamma s . z + coef0`."""
        products = z @ self.vectors.T
        if self.kernel != "rbf":
            return self.gamma * products + self.coef0
        squares = (z**2).sum(1, keepdim=True) + (self.vectors**2).sum(1)
        return -self.gamma * (squares - 2 * products).clamp_min(0)

    def decisions(self, x: Tensor) -> Tensor:
        """`(N, K, K)` d_ij of `(N, features)` float64 inputs."""
        arguments = self.arguments(self.shown(x))
        kernel = {"rbf": torch.exp, "sigmoid": torch.tanh}.get(self.kernel, lambda p: p**self.degree)(arguments)
        return self.weighed(kernel, -1) + self.bias

    def weighed(self, values: Tensor, sign: int = 1) -> Tensor:
        """`(N, K, K)` the weighted sums of `(N, S)` values of i's vectors plus `sign` times those of j's."""
        sizes = list(self.sizes)
        parts = zip(torch.split(values, sizes, dim=1), torch.split(self.weights, sizes), strict=True)
        half = torch.stack([part @ weights for part, weights in parts], dim=1)
        half = half * ~torch.eye(len(self.sizes), dtype=torch.bool)
        return half + sign * half.mT

    def errors(self, x: Tensor, half: Tensor) -> Tensor:
        """`(N, K, K)` how far the model's own d_ij may be from this one's, anywhere in boxes.

        By Cauchy-Schwarz a product s . z is off by at most gamma_D |s| |z|, and the kernel by its slope times that;
        four times Higham's bound, for ours are computed too.

        Args:
            x: `(N, features)` float64 middles of the boxes.
            half: `(N, features)` half their sides.
        """
        share = sum_roundoff(x.shape[1], DOUBLE) + sum_roundoff(len(self.vectors), DOUBLE)
        size = (self.shown(x).abs() + self.slope.abs() * half).norm(dim=1, keepdim=True)
        slip = (self.slip * (x.abs() + half) + self.rest).norm(dim=1, keepdim=True)
        lengths = self.vectors.norm(dim=1)
        if self.kernel == "rbf":
            reach = size + slip + (lengths.max() if len(lengths) else 0.0)
            off = torch.expm1(self.gamma * (share * reach**2 + 2 * slip * reach + slip**2)) + share
            off = off.expand(len(x), len(lengths))
        else:
            most = self.gamma * (size + slip) * lengths + abs(self.coef0)
            moved = share * most + self.gamma * slip * lengths
            off = moved + share
            if self.kernel == "poly":
                steep = self.degree * (most + moved) ** max(self.degree - 1, 0)
                off = moved * steep + share * (most + moved) ** self.degree
        return 4 * (self.weighed(off) + share * self.bias.abs())

    def scaled(self, slope: Tensor, offset: Tensor) -> KernelVotes:
        fresh = self.slope.abs() * STEPS
        return dataclasses.replace(
            self,
            slope=self.slope * slope,
            offset=self.slope * offset + self.offset,
            slip=(self.slip * (1 + STEPS) + fresh) * slope.abs(),
            rest=self.rest + (self.slip * (1 + STEPS) + fresh) * offset.abs(),
        )

    def spread(self, places: Tensor, features: int) -> KernelVotes:
        if bool((places.bincount() > 1).any()):
            raise Unsupported("nothing is known to be proved of a kernel of features that are there twice")

        def wide(value: Tensor) -> Tensor:
            return value.new_zeros(*value.shape[:-1], features).index_copy(-1, places, value)

        return dataclasses.replace(
            self, vectors=wide(self.vectors), slope=wide(self.slope), offset=wide(self.offset),
            slip=wide(self.slip), rest=wide(self.rest),
        )  # fmt: skip
