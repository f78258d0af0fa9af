"""Networks: no certificate reaches beyond the optimum of the mixed-integer programme, and bounds are what they say."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from proving import UNIT, examples, labels, maxout, network
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from torch import Tensor, nn

import adapters
from adapters.structures import Network
from adapters.structures.layers import Affine, Convolution, Diagonal, Largest, Layer, Rectify
from bench.attacks.worst_case import WorstCase
from bench.exact.base import Effort
from bench.exact.networks import NetworkCertificate, leads, proved
from bench.exact.passes import Passes
from bench.exact.region import Region
from bench.exact.relaxed import Rectified, largests, rectified
from bench.exact.slopes import Climb
from bench.threats import Threat

LINF = Threat(norm="linf", clip=UNIT)


def certified(structure: Network, x: Tensor, sizes: tuple[float, ...], threat: Threat = LINF) -> Tensor:
    effort = Effort(sizes=sizes, seconds=100)
    return NetworkCertificate().prove(structure, x, labels(structure, x), threat, effort).radius


class Programme:
    """A network of affine layers and maxima as a mixed-integer programme, every unit the largest of its pieces."""

    def __init__(self, structure: Network, x: Tensor) -> None:
        n = len(x)
        self.low, self.high, self.integer = [0.0] * n + [0.0], [1.0] * n + [1.0], [0] * (n + 1)
        self.rows: list[tuple[dict[int, float], float]] = []  # sum of coefficients of variables, at most so much
        for place, value in enumerate(x.double().tolist()):
            self.rows += [({place: 1.0, n: -1.0}, value), ({place: -1.0, n: -1.0}, -value)]
        box = torch.zeros(1, n).double(), torch.ones(1, n).double()
        self.radius, values = n, list(range(n))
        for layer in structure.layers:
            values, box = self._added(layer, values, box)
        self.scores = values

    def _variable(self, low: float, high: float, integer: int = 0) -> int:
        self.low.append(low - 1e-6 * (1 - integer))
        self.high.append(high + 1e-6 * (1 - integer))
        self.integer.append(integer)
        return len(self.low) - 1

    def _added(
        self, layer: Layer, values: list[int], box: tuple[Tensor, Tensor]
    ) -> tuple[list[int], tuple[Tensor, Tensor]]:
        low, high = box
        if isinstance(layer, Affine):
            middle, half = layer((low + high) / 2), (high - low) / 2 @ layer.weight.abs().T
            low, high = middle - half, middle + half
            made = [self._variable(*ends) for ends in zip(low[0].tolist(), high[0].tolist(), strict=True)]
            for unit, (weights, bias) in enumerate(zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)):
                terms = dict(zip(values, weights, strict=True))
                self.rows += [({**terms, made[unit]: -1.0}, -bias)]
                self.rows += [({**{v: -w for v, w in terms.items()}, made[unit]: 1.0}, bias)]
            return made, (low, high)
        pieces = (
            [[(v, 1.0), (v, layer.slope)] for v in values]
            if isinstance(layer, Rectify)
            else [[(values[member], 1.0) for member in group] for group in layer.members.tolist()]  # type: ignore[union-attr]
        )
        low, high = layer(low), layer(high)
        made = []
        for group, floor, ceiling in zip(pieces, low[0].tolist(), high[0].tolist(), strict=True):
            unit = self._variable(floor, ceiling)
            which = [self._variable(0, 1, 1) for _ in group]
            for (value, factor), on in zip(group, which, strict=True):
                reach = ceiling - min(factor * self.low[value], factor * self.high[value]) + 1
                self.rows += [({value: factor, unit: -1.0}, 0.0), ({unit: 1.0, value: -factor, on: reach}, reach)]
            self.rows += [(dict.fromkeys(which, -1.0), -1.0)]
            made.append(unit)
        return made, (low, high)

    def least(self, own: int, rival: int) -> float:
        """The least radius at which the rival's score reaches the own; infinite where it never does."""
        rows = [*self.rows, ({self.scores[own]: 1.0, self.scores[rival]: -1.0}, 0.0)]
        matrix = np.zeros((len(rows), len(self.low)))
        for row, (terms, _) in enumerate(rows):
            for place, factor in terms.items():
                matrix[row, place] += factor
        costs = np.zeros(len(self.low))
        costs[self.radius] = 1
        limits = LinearConstraint(matrix, -np.inf, [most for _, most in rows])
        for presolve in (True, False):  # HiGHS gives up on a few with the one, and on hardly any with both
            options = {"presolve": presolve, "mip_rel_gap": 1e-9}
            ends = Bounds(self.low, self.high)
            found = milp(costs, constraints=limits, bounds=ends, integrality=self.integer, options=options)
            if found.status != 4:
                break
        assert found.status in (0, 2), found.message
        return float(found.fun) if found.status == 0 else math.inf


def exact(structure: Network, x: Tensor, own: int) -> float:
    programme = Programme(structure, x)
    return min(programme.least(own, rival) for rival in range(len(structure.classes)) if rival != own)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    classes=st.integers(2, 4),
    units=st.lists(st.integers(1, 5), min_size=1, max_size=2),
    slope=st.sampled_from([0.0, 0.0, 0.3]),
    pieces=st.sampled_from([1, 2, 3]),
)
def test_no_certificate_exceeds_the_exact_radius(
    seed: int, classes: int, units: list[int], slope: float, pieces: int
) -> None:
    """Whatever is proved lies below the optimum that HiGHS finds; pieces of 1 stand for rectified units."""
    structure = network(seed, classes, 4, units, slope) if pieces == 1 else maxout(seed, classes, 4, units, pieces)
    x = examples(seed, 1, 4)
    truth = exact(structure, x[0], int(labels(structure, x)[0]))
    if truth == 0:
        return
    sizes = [0.3, 0.9, 0.99, 0.999, 1 + 1e-5, 1.01, 1.3] if math.isfinite(truth) else [0.1, 1.0]
    radius = float(certified(structure, x, tuple(size * min(truth, 1.0) for size in sizes)))
    assert radius <= truth * (1 + 1e-5) + 1e-6


def test_what_is_proved_is_most_of_what_is_true() -> None:
    """Of networks of one hidden layer; a certificate that proves nothing would be right as well."""
    shares = []
    for seed in range(12):
        structure, x = network(seed, 3, 5, [8]), examples(seed, 1, 5)
        truth = exact(structure, x[0], int(labels(structure, x)[0]))
        if 1e-3 < truth < math.inf:
            radius = certified(structure, x, tuple(truth * share for share in np.linspace(0.02, 0.98, 49)))
            shares.append(float(radius) / truth)
    assert len(shares) >= 8
    assert np.median(shares) > 0.8


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


def convolution(
    seed: int, shape: tuple[int, int, int], out: int, kernel: tuple[int, int], **how: object
) -> Convolution:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(out, shape[0], *kernel, generator=generator, dtype=torch.float64) / 2
    fields = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1, **how}
    return Convolution(weight, torch.randn(out, generator=generator, dtype=torch.float64) / 3, shape=shape, **fields)  # type: ignore[arg-type]


def dense(layer: Layer) -> Layer:
    """A convolution as a matrix."""
    if not isinstance(layer, Convolution):
        return layer
    blank = torch.zeros(1, layer.inputs, dtype=torch.float64)
    bias = layer(blank)[0]
    return Affine((layer(torch.eye(layer.inputs, dtype=torch.float64)) - bias).T.contiguous(), bias)


def convolutional(seed: int) -> Network:
    """Three convolutions of all kinds of strides and paddings, two in a row, the last of which sees the whole image."""
    first = convolution(seed, (2, 9, 8), 3, (3, 2), stride=(2, 1), padding=(1, 2))
    second = convolution(seed + 1, first.image, 4, (2, 3), stride=(1, 2), padding=(1, 0))
    third = convolution(seed + 2, second.image, 2, (3, 3), padding=(1, 1), stride=(2, 2))
    scale = torch.linspace(0.5, 1.5, first.outputs, dtype=torch.float64)
    last = torch.randn(3, third.outputs, generator=torch.Generator().manual_seed(seed)).double()
    layers = (
        first,
        Diagonal(scale, 0.1 * scale, scale),
        Rectify(0.0, first.outputs),
        second,
        Rectify(0.1, second.outputs),
        third,
        Rectify(0.0, third.outputs),
        Affine(last, torch.zeros(3).double()),
    )
    return Network((0, 1, 2), layers, "", 2**-24)


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


def test_sizes_are_tried_up_to_the_first_that_fails() -> None:
    """And what is proved of a batch is proved of each example alone."""
    structure, x = network(10, 3, 6, [10, 8]), examples(10, 30, 6)
    sizes = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16)
    radius = certified(structure, x, sizes)
    steps = (radius[:, None] >= torch.tensor(sizes)).sum(1)
    assert len(set(steps.tolist())) > 3
    reached = torch.tensor([0.0, *sizes], dtype=torch.float64)[steps]
    assert bool((radius <= reached * (1 + 1e-4) + 1e-5).all())
    alone = torch.cat([certified(structure, x[place : place + 1], sizes) for place in range(30)])
    torch.testing.assert_close(radius, alone)
    for smaller, larger in pairwise(sizes):
        assert bool(((radius >= larger) <= (radius >= smaller)).all())


def test_a_size_is_proved_as_the_board_counts_it() -> None:
    """Less what the judge allows, and rounded down to float32."""
    structure, x = network(10, 3, 6, [10, 8]), examples(10, 30, 6)
    for norm in ("linf", "l2", "l1"):
        threat = Threat(norm=norm, clip=UNIT)
        radius = certified(structure, x, (0.01, 0.1), threat)
        stored = torch.nextafter(threat.geometry.inward(radius, x).float(), torch.tensor(0.0)).double()
        assert bool(((stored >= 0.01) | (radius == 0)).all())
        assert bool((stored >= 0.01).any())
        assert bool((radius[radius > 0.05] < 0.1001).all())


class Fading(Effort):
    """The time is over when it was asked for so often."""

    left = 0

    def is_over(self, n: int) -> bool:
        object.__setattr__(self, "left", self.left - 1)
        return self.left < 0


@pytest.mark.parametrize("asked", [0, 1, 2, 4, 9])
def test_when_the_time_is_over_the_rest_is_open(asked: int) -> None:
    structure, x = convolutional(3), torch.rand(120, 144, generator=torch.Generator().manual_seed(0))
    y, effort = labels(structure, x), Fading(sizes=(0.001, 0.002))
    object.__setattr__(effort, "left", asked)
    some = NetworkCertificate().prove(structure, x, y, LINF, effort).radius
    every = NetworkCertificate().prove(structure, x, y, LINF, Effort(sizes=(0.001, 0.002), seconds=100)).radius
    assert bool((some <= every).all())
    assert bool((every > 0).any())
    assert asked or float(some.max()) == 0


def test_a_lead_within_rounding_is_none() -> None:
    """Twins with a lead of 1e-7 everywhere: sure in float64, and in float32 for rounding to say."""
    weight = torch.ones(2, 3, dtype=torch.float64)
    layers = (Affine(torch.eye(3).double(), torch.zeros(3).double()), Rectify(0.0, 3),
              Affine(weight, torch.tensor([1e-7, 0.0]).double()))  # fmt: skip
    x = torch.full((1, 3), 0.5)
    for unit, sure in ((2**-53, True), (2**-24, False)):
        assert bool(certified(Network((0, 1), layers, "", unit), x, (0.1,)) > 0) == sure
    own, radius = torch.zeros(1, dtype=torch.int64), torch.tensor([0.1]).double()
    wide = Network((0, 1), (*layers[:2], Affine(weight, torch.tensor([1e-3, 0.0]).double())), "", 2**-24)
    assert bool(proved(wide, x.double(), own, radius, LINF, lambda: False))


def test_saturated_sigmoids_are_not_certified() -> None:
    """Both are 1 in float32, and the first class wins: a lead of the second in scores is none in labels."""
    layers = (Affine(torch.zeros(2, 3).double(), torch.tensor([30.0, 40.0]).double()),)
    x, y = torch.full((1, 3), 0.5), torch.ones(1, dtype=torch.int64)
    for end, sure in (("", True), ("softmax", True), ("log-softmax", True), ("sigmoid", False)):
        structure = Network((0, 1), layers, end, 2**-24)
        found = NetworkCertificate().prove(structure, x, y, LINF, Effort(sizes=(0.1,))).radius
        assert bool(found > 0) == sure


def test_one_class_is_always_right() -> None:
    structure = Network((3,), (Affine(torch.ones(1, 3).double(), torch.zeros(1).double()),), "", 2**-24)
    assert float(certified(structure, torch.rand(1, 3), (0.1,))) == math.inf


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_network_is_certified_by_its_name_and_no_attack_is_nearer(norm: str) -> None:
    """Steps along the margin's gradient, kept within what the attack `worst-case` says is proved, find nothing."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 4))
    source, x = adapters.wrap(net.eval()), torch.rand(60, 3, 3, 3, generator=torch.Generator().manual_seed(1))
    y, threat = source.predict(x), Threat(norm=norm, clip=UNIT)
    sizes = (0.01, 0.02, 0.04, 0.08)
    (found,) = WorstCase(sizes=sizes).craft(source, x, y, None, [threat], None)  # type: ignore[arg-type]
    assert bool((found.radius >= 0.01).double().mean() > 0.5)
    moved, radius = x.clone(), found.radius.clamp_max(1)[:, None, None, None]
    for _ in range(30):
        step = threat.step(source.input_gradient(moved, y, "margin"))
        change = (moved - x + radius * step / 5) / radius.clamp_min(1e-9)
        moved = threat.cut((x + threat.geometry.projected(change, 1) * radius).float())
        assert bool((source.predict(moved) == y)[found.radius > 0].all())
