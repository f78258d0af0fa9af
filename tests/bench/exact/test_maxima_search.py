"""Branch and bound of maxima closes what bounds leave open, and never what the exact worst case says is not so."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from patterns import nearest, pieces
from proving import UNIT, examples, labels, maxout
from torch import Tensor, nn

import adapters
from adapters.structures import Network
from adapters.structures.layers import Affine, Largest, Layer, Rectify
from bench.attacks.branch_and_bound import BranchAndBound
from bench.attacks.worst_case import WorstCase
from bench.exact.base import Effort, Proof
from bench.exact.compared import ComparedPasses
from bench.exact.leaves import least_input
from bench.exact.networks import NetworkCertificate
from bench.exact.pieces import LEFT, Pieces, _on_simplex
from bench.exact.region import Region
from bench.exact.reordered import reordered
from bench.exact.splitting import Nodes, Splitting
from bench.threats import Threat

NORMS = ("linf", "l2", "l1")


def mixed(seed: int, features: int = 4, classes: int = 3) -> Network:
    """Random affine layers, each with rectifiers or maxima or both behind it; groups may name an input twice."""
    generator = torch.Generator().manual_seed(seed)

    def number(low: int, high: int) -> int:
        return int(torch.randint(low, high + 1, (1,), generator=generator))

    def affine(outputs: int, inputs: int) -> Affine:
        weight = torch.randn(outputs, inputs, generator=generator, dtype=torch.float64)
        return Affine(weight, torch.randn(outputs, generator=generator, dtype=torch.float64) / 2)

    layers: list[Layer] = []
    width = features
    for place in range(number(1, 2)):
        width, inputs = number(2, 5), width
        kind = number(0, 2) if place else number(1, 2)
        layers.append(affine(width, inputs))
        if kind != 1:
            layers.append(Rectify(0.2 * number(0, 1), width))
        if kind:
            members = torch.randint(width, (number(1, 3), number(2, 4)), generator=generator)
            layers.append(Largest(members, width))
            width = len(members)
    return Network(tuple(range(classes)), (*layers, affine(classes, width)), "", 2**-53)


def patterns(structure: Network) -> float:
    """How many there are."""
    return math.prod(len(unit) for layer in pieces(structure) for unit in layer)


def certified(structure: Network, x: Tensor, sizes: tuple[float, ...], norm: str = "linf", nodes: int = 300) -> Proof:
    effort = Effort(sizes=sizes, seconds=100, nodes=nodes)
    return NetworkCertificate().prove(structure, x, labels(structure, x), Threat(norm=norm, clip=UNIT), effort)


def splitting(structure: Network, x: Tensor, radius: float, norm: str = "linf") -> Splitting:
    region = Region(x.double(), torch.tensor([radius], dtype=torch.float64), Threat(norm=norm, clip=UNIT))
    row = torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64)
    return Splitting(structure, ComparedPasses(structure, region, lambda: False), row, math.inf, lambda: False)


@pytest.mark.parametrize("norm", ["linf", *(pytest.param(norm, marks=pytest.mark.thorough) for norm in NORMS[1:])])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_nothing_is_closed_beyond_the_exact_radius(norm: str, seed: int) -> None:
    """Of maxima alone and with rectifiers before and behind them, by one programme a pattern."""
    structure, x = mixed(seed), examples(seed, 1, 4)
    y = labels(structure, x)
    if patterns(structure) > 50:
        return
    truth, _ = nearest(structure, x[0], int(y[0]), norm)
    if truth < 1e-6:
        return
    proof = certified(
        structure, x, tuple(size * min(truth, 2.0) for size in (0.5, 0.9, 0.99, 1 + 1e-6, 1.02, 1.3)), norm
    )
    if truth <= 2:
        assert float(proof.radius) <= truth * (1 + 1e-7) + 1e-7
    far = float(torch.linalg.vector_norm(proof.witness - x, ord={"linf": math.inf, "l2": 2, "l1": 1}[norm]))
    if far:
        assert far >= truth * (1 - 1e-5) - 1e-6
        assert labels(structure, proof.witness) != y


def test_it_closes_what_bounds_leave_open() -> None:
    """At .999 of the truth in L_inf, on all of them; and beyond it what is mislabelled is found."""
    by_bounds, by_search, found, count = 0, 0, 0, 0
    for seed in range(80):
        structure, x = mixed(seed), examples(seed, 1, 4)
        y = labels(structure, x)
        truth = nearest(structure, x[0], int(y[0]), "linf")[0] if patterns(structure) <= 50 else 0.0
        if not 1e-3 < truth < 0.9:
            continue
        count += 1
        by_bounds += float(certified(structure, x, (0.999 * truth,), nodes=0).radius) > 0
        by_search += float(certified(structure, x, (0.999 * truth,)).radius) > 0
        proof = certified(structure, x, (1.05 * truth,))
        found += bool((proof.witness != x).any() and labels(structure, proof.witness) != y)
    assert count >= 18
    assert by_bounds <= count - 4
    assert by_search == count
    assert found == count


@pytest.mark.parametrize(("norm", "step"), [("linf", 0.01), ("l2", 0.03), ("l1", 0.06)])
def test_larger_maxouts_are_searched_in_all_norms(norm: str, step: float) -> None:
    """Two layers of maxima: what is proved grows, and random steps that far find nothing."""
    structure, x = maxout(1, 3, 8, [10, 8], 3), examples(1, 6, 8)
    sizes = tuple(step * (1 + number) for number in range(6))
    plain, searched = (certified(structure, x, sizes, norm, nodes).radius for nodes in (0, 100))
    assert bool((searched >= plain).all())
    assert bool((searched > plain).any())
    away = torch.randn(400, *x.shape, generator=torch.Generator().manual_seed(0))
    away = away.sign() if norm == "linf" else away
    away /= torch.linalg.vector_norm(away, ord={"linf": math.inf, "l2": 2, "l1": 1}[norm], dim=2, keepdim=True)
    moved = (x + 0.999 * searched[:, None].float() * away).clamp(0, 1)
    assert bool((labels(structure, moved.flatten(0, 1)).view(400, -1) == labels(structure, x)).all())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_node_is_a_bound_of_the_inputs_of_its_choices(seed: int) -> None:
    """Whatever the weights of pieces and lines are, and the multipliers."""
    structure, x = maxout(seed, 3, 5, [4, 3], 2 + seed % 3), examples(seed, 1, 5)
    search, generator = splitting(structure, x, 0.2, NORMS[seed % 3]), torch.Generator().manual_seed(seed)
    region = search.passes.region
    points = region.low + torch.rand(600, 5, generator=generator, dtype=torch.float64) * (region.high - region.low)
    if seed % 3:
        order = {"l2": 2, "l1": 1}[region.norm]
        points = points[torch.linalg.vector_norm(points - x, ord=order, dim=1) <= 0.2]
    points = torch.cat([x.double(), points])
    values = structure.values(points)
    nodes, here = search.root(), torch.ones(len(points), dtype=torch.bool)
    for at, state in nodes.states.items():
        made = search.choices[at]
        assert isinstance(made, Pieces)
        for choice in range(made.count):
            unit, pair = choice // len(made._first), choice % len(made._first)
            one, other = int(made._first[pair]), int(made._second[pair])
            if bool((state.known[0, unit, [one, other]] == LEFT).all()) and torch.rand(1, generator=generator) < 0.5:
                ahead = values[at][:, made._members[unit, one]] - values[at][:, made._members[unit, other]]
                first = bool(ahead[0] >= 0)
                here &= (ahead >= 0) == first
                state = made.split(state, torch.tensor([0]), torch.tensor([choice]), first)
        free = [torch.rand(each.shape, generator=generator).double() for each in state.free]
        free = [made.within(state, place, value) for place, value in enumerate(free)]
        nodes.states[at] = type(state)(state.known, tuple(free))
    assert here[0]
    least = float((values[-1] @ search.row)[here].min())
    assert float(search._seen(nodes).bound) <= least + 1e-12


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_lines_and_differences_hold_of_inputs_drawn(seed: int) -> None:
    structure, x = mixed(seed), examples(seed, 1, 4)
    passes = splitting(structure, x, 0.3).passes
    region, generator = passes.region, torch.Generator().manual_seed(seed)
    points = region.low + torch.rand(300, 4, generator=generator, dtype=torch.float64) * (region.high - region.low)
    values = structure.values(points)
    assert isinstance(passes, ComparedPasses)
    for at, known in passes.compared.items():
        layer = structure.layers[at]
        assert isinstance(layer, Largest)
        of = values[at][:, layer.members]
        assert bool((of[..., :, None] - of[..., None, :] <= known.over + 1e-12).all())
        top = of.amax(2)
        assert bool((of.masked_fill(~known.left, -math.inf).amax(2) >= top - 1e-12).all())
        share, lift = known.above(known.left)
        assert bool(((share * of[:, :, None]).sum(3) + lift >= top[:, :, None] - 1e-12).all())


def test_two_pieces_that_overlap_have_the_chord_of_their_difference() -> None:
    """The largest of x and -x, x from -1 to 1, is on its chord at both ends."""
    layer = Affine(torch.tensor([[1.0], [-1.0]]).double(), torch.tensor([-1.0, 1.0]).double())
    network = Network((0, 1), (layer, Largest(torch.tensor([[0, 1]]), 2), Affine(torch.ones(2, 1).double(),
                      torch.zeros(2).double())), "", 2**-53)  # fmt: skip
    region = Region(torch.tensor([[1.0]]).double(), torch.tensor([1.0]).double(), Threat(norm="linf", clip=(0.0, 3.0)))
    known = ComparedPasses(network, region, lambda: False).compared[1]
    share, lift = known.above(known.left)
    for value in (-1.0, 1.0):
        at = share[0] @ torch.tensor([value, -value]).double() + lift[0]
        torch.testing.assert_close(at[:2], torch.ones(2).double(), atol=1e-9, rtol=0)


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.floats(-5, 5), min_size=1, max_size=6), mask=st.integers(1, 63))
def test_weights_are_the_nearest_on_the_simplex(values: list[float], mask: int) -> None:
    allowed = torch.tensor([bool(mask >> place & 1) for place in range(len(values))])
    if not allowed.any():
        return
    given_ = torch.tensor(values, dtype=torch.float64)
    found = _on_simplex(given_, allowed)
    assert bool((found >= 0).all())
    assert float(found[~allowed].sum()) == 0
    assert float(found.sum()) == pytest.approx(1, abs=1e-12)
    gradient = (found - given_)[allowed]  # at the nearest point nothing that may grow would come nearer
    level = float(gradient[found[allowed] > 0].max())
    assert bool((gradient >= level - 1e-9).all())


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_rectifiers_behind_maxima_give_the_same_numbers(seed: int) -> None:
    structure = mixed(seed)
    other, x = reordered(structure), examples(seed, 50, 4)
    assert torch.equal(structure.scores(x), other.scores(x))
    pairs = pairwise(other.layers)
    assert not any(isinstance(one, Rectify) and isinstance(next_, Largest) for one, next_ in pairs)


@pytest.mark.parametrize("norm", ["linf", "l1"])
def test_where_all_is_settled_the_least_input_is_found(norm: str) -> None:
    """At a node of one pattern: inside what is known, and no input drawn from there is less."""
    for seed in range(10):
        structure, x = mixed(seed), examples(seed, 1, 4)
        search = splitting(structure, x, 0.3, norm)
        nodes, generator = search.root(), torch.Generator().manual_seed(seed)
        region = search.passes.region
        points = region.low + torch.rand(2000, 4, generator=generator, dtype=torch.float64) * (region.high - region.low)
        if norm == "l1":
            points = points[(points - x).abs().sum(1) <= 0.3]
        values = structure.values(torch.cat([x.double(), points]))
        here = torch.ones(len(values[0]), dtype=torch.bool)
        while (left := search._scores(nodes)[0] > -math.inf).any():
            choice = left.nonzero()[:1, 0]
            for first in (True, False):  # the side of the example itself
                child = search._split(nodes, choice, first)
                inside = holds(search, child, values)
                if inside[0]:
                    break
            nodes, here = child, here & inside
        found = least_input(structure, search.choices, nodes.states, search.row, region)
        assert found is not None
        assert float((found - x).abs().max()) <= 0.3 + 1e-6
        assert holds(search, nodes, structure.values(found), 1e-6)[0]
        least = float((structure.scores(found) @ search.row)[0])
        assert least <= float((values[-1] @ search.row)[here].min()) + 1e-6


def holds(search: Splitting, nodes: Nodes, values: list[Tensor], slack: float = 0.0) -> Tensor:
    """`(N,)` whether inputs are as one node's choices say, by the values of all layers."""
    here = torch.ones(len(values[0]), dtype=torch.bool)
    for at, state in nodes.states.items():
        made = search.choices[at]
        if isinstance(made, Pieces):
            unit, loser = (state.known[0] >= 0).nonzero().T
            winner = made._members[unit, state.known[0, unit, loser]]
            here &= (values[at][:, winner] >= values[at][:, made._members[unit, loser]] - slack).all(1)
        else:
            here &= (values[at] * state.known >= -slack).all(1)
    return here


def test_its_budget_is_kept() -> None:
    """No search without nodes, none without time."""
    structure, x = maxout(2, 3, 5, [6, 5], 2), examples(2, 1, 5)
    few, many = (float(certified(structure, x, (0.3,), nodes=nodes).radius) for nodes in (1, 300))
    assert (few, many > 0.3) == (0, True)
    effort = Effort(sizes=(0.3,), seconds=0, nodes=300)
    proof = NetworkCertificate().prove(structure, x, labels(structure, x), Threat(norm="linf", clip=UNIT), effort)
    assert float(proof.radius) == 0


def test_the_attack_takes_maxima_and_pooling() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 3))
    source, x = adapters.wrap(net.eval()), examples(0, 3, 36).view(3, 1, 6, 6)
    y, threat = source.predict(x), Threat(norm="linf", clip=UNIT)
    sizes = (0.15, 0.25, 0.3)
    plain, more = (
        next(attack.craft(source, x, y, None, [threat], None))  # type: ignore[arg-type]
        for attack in (WorstCase(sizes=sizes), BranchAndBound(sizes=sizes, nodes=50))
    )
    moved = (more.candidates != x).flatten(1).any(1)
    assert bool((source.predict(more.candidates) != y)[moved].all())
    far = (more.candidates - x).double().flatten(1).abs().amax(1)[moved]
    assert bool((far.float()[:, None] <= torch.tensor(sizes)).any(1).all())  # as a board counts it
    assert bool((more.radius >= plain.radius).all())
    assert bool((more.radius > plain.radius).any())
    BranchAndBound().taken(maxout(0))
