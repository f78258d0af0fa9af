"""Bounds of networks: units lie between their lines, slopes reach the relaxation, windows give what whole images do."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from convolutions import convolution, convolutional
from hypothesis import given, settings
from hypothesis import strategies as st
from proving import LINF, UNIT, examples, labels, network
from scipy.optimize import linprog

from adapters.structures import Network
from adapters.structures.layers import Affine, Convolution, Largest, Layer, Rectify
from bench.exact.networks import leads
from bench.exact.passes import Passes
from bench.exact.region import Region
from bench.exact.relaxed import Rectified, largests, rectified
from bench.exact.slopes import Climb
from bench.threats import Threat


def relaxation(structure: Network, passes: Passes, own: int, rival: int) -> float:
    """The least lead over the convex hulls of the units of one hidden layer (Ehlers 2017), by HiGHS."""
    first, _, last = structure.layers
    assert isinstance(first, Affine)
    assert isinstance(last, Affine)
    (low, high), n, h = passes.bounds[1], first.inputs, first.outputs
    rows, most = [], []
    for unit, (floor, ceiling) in enumerate(zip(low[0].tolist(), high[0].tolist(), strict=True)):
        weight, bias = first.weight[unit].numpy(), float(first.bias[unit])
        top, foot = max(ceiling, 0.0), max(floor, 0.0)
        chord = (top - foot) / (ceiling - floor)
        for factor, shift, sign in ((1.0, 0.0, 1.0), (chord, foot - chord * floor, -1.0)):
            row = np.zeros(n + h)
            row[:n], row[n + unit] = factor * weight, -1.0
            rows.append(sign * row)
            most.append(-sign * (factor * bias + shift))
    costs = np.concatenate([np.zeros(n), (last.weight[own] - last.weight[rival]).numpy()])
    box = [*zip(passes.region.low[0].tolist(), passes.region.high[0].tolist(), strict=True)]
    hulls = [*zip(low[0].clamp_min(0).tolist(), high[0].clamp_min(0).tolist(), strict=True)]
    found = linprog(costs, np.array(rows), most, bounds=box + hulls, method="highs")
    assert found.status == 0
    return float(found.fun) + float(last.bias[own] - last.bias[rival])


@pytest.mark.parametrize("seed", range(6))
def test_the_best_slopes_reach_the_linear_relaxation(seed: int) -> None:
    """Of one hidden layer the best of all slopes is the optimum of the relaxation (Salman et al. 2019), and none
    exceeds it.
    """
    structure, x = network(seed, 3, 6, [12]), examples(seed, 1, 6)
    own = labels(structure, x)
    passes = Passes(structure, Region(x.double(), torch.tensor([0.15]).double(), LINF), lambda: False)
    rivals = torch.tensor([k for k in range(3) if k != int(own)])
    rows = leads(structure, own, torch.zeros(2, dtype=torch.int64), rivals)
    bends = {at: bend for at, bend in enumerate(passes.bends) if isinstance(bend, Rectified)}
    first = passes.carried(rows, len(structure.layers))
    best = Climb(passes, bends, rows, torch.full((2,), math.inf).double()).run(lambda: False, steps=60)
    truth = torch.tensor([relaxation(structure, passes, int(own), int(k)) for k in rivals], dtype=torch.float64)
    assert bool((best >= first - 1e-12).all())
    assert bool((best <= truth + 1e-7).all())
    assert bool((best >= truth - 0.01 * truth.abs().clamp_min(0.1)).all())


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), pieces=st.integers(1, 5), slope=st.floats(0, 1), repeat=st.booleans())
def test_units_lie_between_their_lines(seed: int, pieces: int, slope: float, repeat: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    ends = torch.randn(4, 6 * pieces, 2, generator=generator, dtype=torch.float64).sort(2).values
    ends[:, ::5, 1] = ends[:, ::5, 0]  # some are known
    low, high = ends.unbind(2)
    members = torch.arange(6 * pieces).view(6, pieces)
    if repeat:
        members = torch.cat([members, members[:, :1]], dim=1)
    shares = torch.rand(12, 4, 6 * pieces, generator=generator, dtype=torch.float64)
    corners = shares.round()
    for layer in (Rectify(slope, 6 * pieces), Largest(members, 6 * pieces)):
        bend = rectified(layer, low, high) if isinstance(layer, Rectify) else largests(layer, low, high)
        for z in low + torch.cat([shares, corners]) * (high - low):
            out = layer(z)
            for sign in (1.0, -1.0):
                for unit in range(0, layer.outputs, 2):
                    rows = torch.zeros(4, layer.outputs).double()
                    rows[:, unit] = sign
                    coefficients, added = bend.back(rows, torch.arange(4))
                    assert bool(((coefficients * z).sum(1) + added <= sign * out[:, unit] + 1e-12).all())


def dense(layer: Layer) -> Layer:
    """A convolution as a matrix."""
    if not isinstance(layer, Convolution):
        return layer
    blank = torch.zeros(1, layer.inputs, dtype=torch.float64)
    bias = layer(blank)[0]
    return Affine((layer(torch.eye(layer.inputs, dtype=torch.float64)) - bias).T.contiguous(), bias)


def consecutive(seed: int) -> Network:
    """Two convolutions with padding and nothing between: what lies beyond the edge of the middle image is 0."""
    first = convolution(seed, (1, 9, 9), 2, (3, 3), stride=(2, 2), padding=(1, 1))
    second = convolution(seed + 1, first.image, 2, (2, 2), padding=(1, 1))
    last = torch.randn(3, second.outputs, generator=torch.Generator().manual_seed(seed)).double()
    layers = (first, second, Rectify(0.0, second.outputs), Affine(last, torch.zeros(3).double()))
    return Network((0, 1, 2), layers, "", 2**-24)


@pytest.mark.parametrize("build", [convolutional, consecutive])
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_windows_give_the_bounds_of_whole_images(norm: str, build: object) -> None:
    structure = build(3)  # type: ignore[operator]
    plain = dataclasses.replace(structure, layers=tuple(dense(layer) for layer in structure.layers))
    x = torch.rand(4, structure.inputs, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    radius = torch.full((4,), {"linf": 0.05, "l2": 0.4, "l1": 1.0}[norm]).double()
    region = Region(x, radius, Threat(norm=norm, clip=UNIT))
    one, other = (Passes(each, region, lambda: False) for each in (structure, plain))
    for (low, high), (floor, ceiling) in zip(one.bounds, other.bounds, strict=True):
        torch.testing.assert_close(low, floor, rtol=1e-7, atol=1e-7)
        torch.testing.assert_close(high, ceiling, rtol=1e-7, atol=1e-7)
    inside = region.low + torch.rand(200, 4, structure.inputs, dtype=torch.float64) * (region.high - region.low)
    inside = inside if norm == "linf" else x + (inside - x) * 0.02
    for point in inside:
        for value, (low, high) in zip(structure.values(point), one.bounds, strict=True):
            assert bool(((value >= low) & (value <= high)).all())
