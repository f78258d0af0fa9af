"""What the tests of certificates import."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from scipy.optimize import linprog
from torch import Tensor

from adapters.structures import GaussianNB, KernelVotes, Linear, LinearVotes, Network, Structure
from adapters.structures.layers import Affine, Largest, Layer, Rectify
from bench.exact import certificate_of
from bench.exact.base import Effort, Proof
from bench.threats import Threat

UNIT = (0.0, 1.0)
LINF = Threat(norm="linf", clip=UNIT)
SIZES = (0.003, 0.01, 0.03, 0.1)


def proved(structure: Structure, x: Tensor, y: Tensor, norm: str, clip: tuple[float, float] | None = UNIT) -> Proof:
    return certificate_of(structure).prove(structure, x, y, Threat(norm=norm, clip=clip), Effort(sizes=SIZES))


def labels(structure: Structure, x: Tensor) -> Tensor:
    return torch.tensor(structure.classes)[structure.scores(x).argmax(1)]


def linear(seed: int, classes: int = 4, features: int = 12, zeros: float = 0.0) -> Linear:
    """Random weights, some of them zero."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(classes, features, generator=generator, dtype=torch.float64)
    weight = weight * (torch.rand(classes, features, generator=generator) >= zeros)
    bias = 0.1 * torch.randn(classes, generator=generator, dtype=torch.float64)
    return Linear.computed(range(classes), weight, bias, torch.float64)


def gaussian_nb(seed: int, classes: int = 4, features: int = 12) -> GaussianNB:
    """Random means and variances, those of one feature the same in all classes."""
    generator = torch.Generator().manual_seed(seed)
    mean = torch.rand(classes, features, generator=generator, dtype=torch.float64)
    inverse = 1 / (0.02 + torch.rand(classes, features, generator=generator, dtype=torch.float64))
    inverse[:, 0] = 5
    constant = torch.randn(classes, generator=generator, dtype=torch.float64)
    return GaussianNB.computed(range(classes), mean, inverse, constant, constant.abs(), torch.float64)


def network(
    seed: int, classes: int = 4, features: int = 12, units: Sequence[int] = (8, 6), slope: float = 0.0
) -> Network:
    """Random rectified layers, of a network that computes in float64."""
    layers: list[Layer] = []
    for place, (inputs, outputs) in enumerate(pairwise([features, *units, classes])):
        layers += [_affine(seed + place, outputs, inputs), Rectify(slope, outputs)]
    return Network(tuple(range(classes)), tuple(layers[:-1]), "", 2**-53)


def maxout(seed: int, classes: int = 4, features: int = 12, units: Sequence[int] = (6, 5), pieces: int = 3) -> Network:
    layers: list[Layer] = []
    for place, (inputs, outputs) in enumerate(pairwise([features, *units])):
        members = torch.arange(pieces * outputs).view(outputs, pieces)
        layers += [_affine(seed + place, pieces * outputs, inputs), Largest(members, pieces * outputs)]
    layers.append(_affine(seed + len(units), classes, units[-1]))
    return Network(tuple(range(classes)), tuple(layers), "", 2**-53)


def _affine(seed: int, outputs: int, inputs: int) -> Affine:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(outputs, inputs, generator=generator, dtype=torch.float64)
    return Affine(weight, torch.randn(outputs, generator=generator, dtype=torch.float64) / 2)


def linear_votes(seed: int, classes: int = 4, features: int = 12) -> LinearVotes:
    """Pairs that nearly agree with scores of the classes, so that votes are seldom tied."""
    one, first, second = linear(seed, classes, features), *torch.triu_indices(classes, classes, 1)
    beside = linear(seed + 1, len(first), features)
    weight = one.weight[first] - one.weight[second] + 0.1 * beside.weight
    bias = one.bias[first] - one.bias[second] + beside.bias
    pairs = Linear.computed(range(len(first)), weight, bias, torch.float64)
    return LinearVotes(tuple(range(classes)), pairs, bool(seed % 2))


def kernel_votes(seed: int, classes: int = 4, features: int = 12, kernel: str = "rbf", degree: int = 3) -> KernelVotes:
    """Random support vectors and weights, some of them zero, behind a random scaling; votes are seldom tied."""
    generator = torch.Generator().manual_seed(seed)
    sizes = [1 + (seed + k) % 4 for k in range(classes)]
    vectors = torch.rand(sum(sizes), features, generator=generator, dtype=torch.float64) * 2 - 0.5
    weights = torch.rand(sum(sizes), 1, generator=generator, dtype=torch.float64) + 0.5
    weights = weights / torch.tensor(sizes).repeat_interleave(torch.tensor(sizes))[:, None]  # no class is the strongest
    weights = weights * (0.8 + 0.4 * torch.rand(sum(sizes), classes, generator=generator, dtype=torch.float64))
    weights = weights * (torch.rand(weights.shape, generator=generator) > 0.05)
    weights = weights * (1 - 2 * (torch.rand(weights.shape, generator=generator) > 0.95))  # some below 0
    bias = 0.1 * torch.randn(classes, 1, generator=generator, dtype=torch.float64)
    slope, offset = torch.rand(2, features, generator=generator, dtype=torch.float64) * 2 - 0.7
    return KernelVotes.plain(
        range(classes), vectors, sizes, weights, bias - bias.T, kernel=kernel, gamma=6.0 / features,
        coef0=0.3, degree=degree, breaks_ties=bool(seed % 2),
    ).scaled(slope, offset)  # fmt: skip


KINDS = {
    "linear": linear,
    "gaussian-nb": gaussian_nb,
    "network": network,
    "maxout": maxout,
    "linear-votes": linear_votes,
    "kernel-votes": kernel_votes,
}
"""By the kind of structure, what makes a random one."""


def examples(seed: int, n: int = 20, features: int = 12) -> Tensor:
    """Some features at the ends of the range."""
    x = torch.rand(n, features, generator=torch.Generator().manual_seed(seed)) * 1.4 - 0.2
    return x.clamp(0, 1)


def by_programme(weight: Tensor, margin: float, x: Tensor, norm: str, clip: tuple[float, float] | None) -> float:
    """The least norm of a change that a linear score falls by the margin with, as a linear programme; infinite where
    none does: `linprog` solves it by HiGHS.
    """
    a, start, many = weight.numpy(), x.double().numpy(), len(x)
    low = np.full(many, -np.inf) if clip is None else clip[0] - start
    high = np.full(many, np.inf) if clip is None else clip[1] - start
    one = norm == "linf"  # one bound on all changes, else one each
    bound = -np.ones((many, 1)) if one else -np.eye(many)
    rows = np.block([[np.eye(many), bound], [-np.eye(many), bound]])
    costs = np.append(np.zeros(many), np.ones(bound.shape[1]))
    equal = np.append(a, np.zeros(bound.shape[1]))[None]
    limits = [*zip(low, high, strict=True), *itertools.repeat((0, None), bound.shape[1])]
    found = linprog(costs, rows, np.zeros(2 * many), equal, [margin], bounds=limits)
    assert found.status in (0, 2), found.message
    return float(found.fun) if found.status == 0 else np.inf


def by_multiplier(weight: Tensor, margin: float, x: Tensor, clip: tuple[float, float] | None) -> float:
    """The same in L2: the change is `clip(l a)` for the least multiplier l that is enough, found by bisection."""
    a, start = weight.double().numpy(), x.double().numpy()

    def change(multiplier: float) -> np.ndarray:
        moved = multiplier * a
        return moved if clip is None else np.clip(start + moved, *clip) - start

    if not a.any() or (clip is not None and a @ change(1e9) < margin):
        return np.inf if margin > 0 else 0.0
    low, high = 0.0, 1.0
    while a @ change(high) < margin:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if a @ change(middle) < margin else (low, middle)
    return float(np.linalg.norm(change(high)))
