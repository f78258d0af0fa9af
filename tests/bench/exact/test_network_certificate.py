"""Networks: no certificate reaches beyond the optimum of the mixed-integer programme."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from convolutions import convolutional
from hypothesis import given, settings
from hypothesis import strategies as st
from programme import exact
from proving import LINF, UNIT, examples, labels, maxout, network
from torch import Tensor, nn

import adapters
from adapters.structures import Network
from adapters.structures.layers import Affine, Rectify
from bench.attacks.worst_case import WorstCase
from bench.exact.base import Effort
from bench.exact.networks import NetworkCertificate, proved
from bench.threats import Threat


def certified(structure: Network, x: Tensor, sizes: tuple[float, ...], threat: Threat = LINF) -> Tensor:
    effort = Effort(sizes=sizes, seconds=100)
    return NetworkCertificate().prove(structure, x, labels(structure, x), threat, effort).radius


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
