"""Branch and bound closes what bounds leave open, and never what the mixed-integer programme says is not so."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from proving import UNIT, examples, labels, linear, network
from test_network_certificate import exact
from torch import Tensor, nn

import adapters
from adapters.errors import Unsupported
from adapters.structures import Network
from bench.attacks.branch_and_bound import BranchAndBound
from bench.exact.base import Effort, Proof
from bench.exact.networks import NetworkCertificate
from bench.exact.passes import Passes
from bench.exact.region import Region
from bench.exact.splitting import Splitting
from bench.threats import Threat


def certified(structure: Network, x: Tensor, sizes: tuple[float, ...], norm: str = "linf", nodes: int = 300) -> Proof:
    effort = Effort(sizes=sizes, seconds=100, nodes=nodes)
    return NetworkCertificate().prove(structure, x, labels(structure, x), Threat(norm=norm, clip=UNIT), effort)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    classes=st.integers(2, 4),
    units=st.lists(st.integers(1, 5), min_size=1, max_size=2),
    slope=st.sampled_from([0.0, 0.0, 0.3]),
)
def test_nothing_is_closed_beyond_the_exact_radius(seed: int, classes: int, units: list[int], slope: float) -> None:
    structure, x = network(seed, classes, 4, units, slope), examples(seed, 1, 4)
    y = labels(structure, x)
    truth = exact(structure, x[0], int(y[0]))
    if truth == 0:
        return
    sizes = [0.5, 0.9, 0.99, 1 + 1e-5, 1.01, 1.3] if math.isfinite(truth) else [0.1, 1.0]
    proof = certified(structure, x, tuple(size * min(truth, 1.0) for size in sizes))
    assert float(proof.radius) <= truth * (1 + 1e-5) + 1e-6
    far = float((proof.witness - x).abs().max())
    if far:
        assert far >= truth * (1 - 1e-5)
        assert labels(structure, proof.witness) != y


def test_it_closes_most_of_what_bounds_leave_open() -> None:
    """Of two hidden layers at nine tenths of the truth, where bounds alone prove half."""
    by_bounds, by_search, count = 0, 0, 0
    for seed in (2, 3, 4, 5, 7, 8, 10, 11, 12):
        structure, x = network(seed, 3, 5, [8, 6]), examples(seed, 1, 5)
        truth = exact(structure, x[0], int(labels(structure, x)[0]))
        if 1e-3 < truth < math.inf:
            count += 1
            by_bounds += float(certified(structure, x, (0.9 * truth,), nodes=0).radius) > 0
            by_search += float(certified(structure, x, (0.9 * truth,)).radius) > 0
    assert count >= 8
    assert by_bounds < 0.7 * count
    assert by_search == count


def test_what_is_mislabelled_is_found_on_the_way() -> None:
    found = 0
    for seed in (3, 4, 7, 8, 10):
        structure, x = network(seed, 3, 5, [8, 6]), examples(seed, 1, 5)
        y = labels(structure, x)
        truth = exact(structure, x[0], int(y[0]))
        if 1e-3 < truth < 0.9:
            proof = certified(structure, x, (1.1 * truth,))
            assert float(proof.radius) == 0
            moved = bool((proof.witness != x).any())
            found += moved
            assert not moved or labels(structure, proof.witness) != y
    assert found >= 4  # five, but for rounding


@pytest.mark.parametrize("norm", ["l2", "l1"])
def test_other_norms_are_searched_too(norm: str) -> None:
    """What is proved grows, and steps along random directions that far find nothing."""
    structure, x = network(10, 3, 6, [10, 8]), examples(10, 12, 6)
    sizes = tuple({"l2": 0.05, "l1": 0.1}[norm] * step for step in (1, 2, 3, 4, 6, 8))
    plain, searched = (certified(structure, x, sizes, norm, nodes).radius for nodes in (0, 100))
    assert bool((searched >= plain).all())
    assert bool((searched > plain).any())
    order, y = {"l2": 2, "l1": 1}[norm], labels(structure, x)
    for seed in range(50):
        step = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
        step /= torch.linalg.vector_norm(step, ord=order, dim=1, keepdim=True)
        moved = (x + 0.999 * searched.clamp_max(1)[:, None].float() * step).clamp(0, 1)
        assert bool((labels(structure, moved) == y).all())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_node_is_a_bound_of_the_inputs_that_have_its_signs(seed: int) -> None:
    """Whatever slopes and multipliers are."""
    structure, x = network(seed, 3, 5, [6, 5]), examples(seed, 1, 5)
    region = Region(x.double(), torch.tensor([0.2], dtype=torch.float64), Threat(norm="linf", clip=UNIT))
    passes = Passes(structure, region, lambda: False)
    row = torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64)
    search = Splitting(structure, passes, row, math.inf, lambda: False)
    generator = torch.Generator().manual_seed(seed)
    points = region.low + torch.rand(400, 5, generator=generator, dtype=torch.float64) * (region.high - region.low)
    values = structure.values(points)
    nodes = search.root()
    here = torch.ones(len(points), dtype=torch.bool)
    for at, state in nodes.states.items():
        sign, (slopes, multipliers) = state.known, state.free
        sign[:] = values[at][0].sign() * (torch.rand(sign.shape, generator=generator) < 0.5)
        here &= (values[at] * sign >= 0).all(1)
        multipliers[:] = torch.rand(sign.shape, generator=generator).double() * sign.abs()
        least = structure.layers[at].slope  # type: ignore[union-attr]
        slopes[:] = least + (1 - least) * torch.rand(sign.shape, generator=generator)
    bound = float(search._seen(nodes).bound)
    assert here[0]
    assert bound <= float((values[-1] @ row)[here].min()) + 1e-12


@pytest.mark.parametrize(
    ("seed", "norm", "radius", "rival", "looked_at", "total"),
    [
        (2, "linf", 0.45, 2, 83, 543.2553706273412),
        (10, "l2", 0.4, 1, 57, 480.4804519117523),
        (11, "l1", 0.8, 2, 7, 74.94108408697087),
    ],
)
def test_searches_go_the_way_they_went(
    seed: int, norm: str, radius: float, rival: int, looked_at: int, total: float
) -> None:
    """Answers that were given before maxima were split: the nodes of a search, and the bounds at them."""
    structure, x = network(seed, 3, 5, [8, 6]), examples(seed, 1, 5)
    own = int(labels(structure, x)[0])
    region = Region(x.double(), torch.tensor([radius], dtype=torch.float64), Threat(norm=norm, clip=UNIT))
    row, seen = torch.zeros(3, dtype=torch.float64), []
    row[own], row[rival] = 1, -1

    def look(coefficients: Tensor) -> bool:
        seen.append(coefficients)
        return False

    Splitting(structure, Passes(structure, region, lambda: False), row, 0.0, lambda: False).run(60, look)
    assert len(torch.cat(seen)) == looked_at
    assert float(torch.cat(seen).abs().sum()) == pytest.approx(total, rel=1e-9)


def test_its_budget_is_kept() -> None:
    """No search without nodes, none without time."""
    structure, x = network(2, 3, 5, [8, 6]), examples(2, 1, 5)
    few, many = (float(certified(structure, x, (0.48,), nodes=nodes).radius) for nodes in (1, 300))
    assert (few, many > 0.48) == (0, True)
    effort = Effort(sizes=(0.48,), seconds=0, nodes=300)
    proof = NetworkCertificate().prove(structure, x, labels(structure, x), Threat(norm="linf", clip=UNIT), effort)
    assert float(proof.radius) == 0


def test_the_attack_takes_networks_alone() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 3))
    source, x = adapters.wrap(net.eval()), examples(0, 6, 6)
    y, threat = source.predict(x), Threat(norm="linf", clip=UNIT)
    (found,) = BranchAndBound(sizes=(0.05, 0.2), nodes=20).craft(source, x, y, None, [threat], None)  # type: ignore[arg-type]
    moved = (found.candidates != x).any(1)
    assert bool((found.radius > 0).any())
    assert bool((source.predict(found.candidates) != y)[moved].all())
    with pytest.raises(Unsupported, match="it splits units of networks, and the model is linear"):
        BranchAndBound().taken(linear(0))
