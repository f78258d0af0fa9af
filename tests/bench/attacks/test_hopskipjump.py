"""HopSkipJump walks along the boundary by labels alone, example by example, within its budget of questions."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from crafting import UNIT, crafted
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import adapters
from adapters.base import Adapter
from bench.attacks.hopskipjump import POINTS
from bench.attacks.starts import rivals
from bench.datasets import Dataset
from bench.draws import Draws
from bench.pool import Pool
from bench.running.judge import audit
from bench.running.metered import Metered
from bench.threats import Threat


def blind(labels: Any, **more: Any) -> Adapter:
    return adapters.black_box(lambda x: np.asarray(labels(x.reshape(len(x), -1)), dtype=np.int64), version="1", **more)


def halfspace(weights: Any, offset: float) -> Any:
    """Class 1 where `w . x > offset`; row by row, so that no batch moves a last bit."""
    return lambda x: (x.astype(np.float64) * weights).sum(1) > offset


def steps_of(x: Any) -> Any:
    """Three classes by counts of features: no arithmetic that a batch could move."""
    return ((x > 0.55).sum(1) - (x < 0.3).sum(1)) % 3


def bare(indices: Any) -> Draws:
    return Draws((0, "checksum"), np.asarray(range(indices) if isinstance(indices, int) else indices))


def search(source: Adapter, x: Tensor, y: Tensor, threat: Threat, drawn: Draws | None = None, **more: Any) -> Any:
    """The candidates, and `(N,)` how far they are, infinite where the label is still right."""
    (found,) = crafted("hopskipjump", source, x, y, [threat], drawn or bare(len(x)), **more)
    distances = audit(found, x, threat).distances
    assert distances is not None
    return found, torch.from_numpy(distances).where(source.predict(found) != y, torch.inf)


def free(norm: str) -> Threat:
    return Threat(norm=norm)


def boxed(norm: str) -> Threat:
    return Threat(norm=norm, clip=UNIT)


# -- closed forms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", [1, 2, 5, 20])
@pytest.mark.parametrize(("norm", "dual"), [("l2", 2), ("linf", 1)])
def test_of_a_halfspace_it_finds_the_distance(features: int, norm: str, dual: int) -> None:
    """`|w . x - c|` over the dual norm of `w`."""
    generator = np.random.default_rng(features)
    weights = generator.normal(size=features)
    x = generator.random((30, features)).astype(np.float32)
    value = (x.astype(np.float64) * weights).sum(1)
    offset = float(np.median(value)) + 0.01
    exact = np.abs(value - offset) / np.linalg.norm(weights, dual)
    y = torch.from_numpy(value > offset).long()
    _, distance = search(blind(halfspace(weights, offset)), torch.from_numpy(x), y, free(norm), queries=2000)
    assert (distance.numpy() >= exact - 1e-6).all()
    assert np.median(distance.numpy() / exact) <= 1.03
    assert (distance.numpy() <= 1.15 * exact + 1e-3).all()


def test_of_a_ball_it_finds_the_radius() -> None:
    """A curved boundary: class 0 within .3 of the middle."""
    x = 0.5 + 0.1 * torch.randn(20, 8, generator=torch.Generator().manual_seed(0)).clamp(-0.9, 0.9)
    source = blind(lambda x: ((x.astype(np.float64) - 0.5) ** 2).sum(1) > 0.6**2)
    exact = 0.6 - (x.double() - 0.5).norm(dim=1)
    _, distance = search(source, x, torch.zeros(20, dtype=torch.int64), free("l2"), queries=3000)
    assert (distance >= exact - 1e-6).all()
    assert (distance <= 1.1 * exact).double().mean() > 0.8


def test_of_a_network_it_keeps_up_with_pgd_at_a_size(digits: Dataset, digits_net: nn.Module) -> None:
    net = adapters.wrap(digits_net)
    x = torch.from_numpy(np.asarray(digits.examples("test", np.arange(60))))
    y = torch.from_numpy(np.asarray(digits.labels("test"))[:60].copy()).long()
    for norm, eps in (("l2", 0.6), ("linf", 0.12)):
        _, distance = search(net, x, y, boxed(norm), queries=2500)
        (by_gradient,) = crafted("pgd", net, x, y, [Threat(norm=norm, eps=eps, clip=UNIT)], restarts=1)
        most = int((net.predict(by_gradient) != y).sum())
        assert 0 < most < 60
        assert int((distance <= eps).sum()) >= 0.7 * most


def test_it_begins_at_the_nearest_training_point() -> None:
    """Where noise finds nothing, a point of another class does, and few questions come near it."""
    pool = Pool(torch.tensor([[0.1] * 9, [0.9] * 9, [0.8] * 9]), torch.tensor([0, 1, 1]))
    source = Metered(blind(lambda x: (x > 0.7).all(1)))
    x, y = torch.full((4, 9), 0.2), torch.zeros(4, dtype=torch.int64)
    drawn = Draws((0, "checksum"), np.arange(4), lambda: pool)
    assert rivals(x, y, POINTS, drawn).tolist()[0] == [*pool.points[[2, 1]].tolist(), [pytest.approx(0.2)] * 9]
    _, distance = search(source, x, y, boxed("linf"), drawn, queries=60)
    torch.testing.assert_close(distance, torch.full((4,), 0.5).double(), rtol=0.01, atol=0)
    _, without = search(source, x, y, boxed("linf"), queries=60)
    assert without.isinf().all()


# -- rules ------------------------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(
    order=st.permutations(range(12)),
    n=st.integers(1, 12),
    queries=st.integers(1, 600),
    norm=st.sampled_from(["l2", "linf"]),
    enough=st.sampled_from([0.0, 0.05]),
)
def test_an_example_comes_to_the_same_whatever_else_is_in_the_batch(
    order: list[int], n: int, queries: int, norm: str, enough: float
) -> None:
    x, chosen = torch.rand(12, 2, 4, generator=torch.Generator().manual_seed(2)), order[:n]
    source, given = blind(steps_of), {"queries": queries, "enough": enough, "directions": 20}
    y = source.predict(x)
    whole, _ = search(source, x, y, boxed(norm), bare(12), **given)
    part, _ = search(source, x[chosen], y[chosen], boxed(norm), bare(chosen), **given)
    assert torch.equal(part, whole[chosen])


@settings(max_examples=30, deadline=None)
@given(queries=st.integers(1, 800), norm=st.sampled_from(["l2", "linf"]), clip=st.booleans(), row=st.integers(0, 9))
def test_no_example_is_asked_about_more_often_than_allowed(queries: int, norm: str, clip: bool, row: int) -> None:
    x = torch.rand(10, 6, generator=torch.Generator().manual_seed(3))[row : row + 1]
    source = blind(steps_of)
    y, asked = source.predict(x), Metered(source)
    crafted("hopskipjump", asked, x, y, [boxed(norm) if clip else free(norm)], bare([row]), queries=queries)
    assert 1 <= asked.queries <= queries


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_more_questions_never_find_anything_much_farther(norm: str) -> None:
    x = torch.rand(20, 12, generator=torch.Generator().manual_seed(4))
    source = blind(halfspace(np.linspace(-1, 1, 12), 0.1))
    found = [search(source, x, source.predict(x), boxed(norm), queries=queries)[1] for queries in (100, 500, 2000)]
    for few, many in pairwise(found):
        assert many.mean() < few.mean()


def test_what_is_near_enough_is_left_alone() -> None:
    x = torch.rand(20, 6, generator=torch.Generator().manual_seed(5))
    source = Metered(blind(lambda values: values[:, 0] > 0.5))
    y = (x[:, 0] > 0.5).long()
    _, distance = search(source, x, y, boxed("l2"), queries=2000, enough=0.4)
    near = (x[:, 0] - 0.5).abs() < 0.3
    assert (distance[near] <= 0.4).all()
    assert source.queries < 0.4 * 20 * 2000


def test_a_mistake_stays_as_it_is_and_costs_one_question() -> None:
    x, source = torch.rand(4, 6), Metered(blind(lambda values: np.ones(len(values))))
    (found,) = crafted("hopskipjump", source, x, torch.zeros(4, dtype=torch.int64), [boxed("l2")])
    assert torch.equal(found, x)
    assert source.queries == 4


def test_where_nothing_is_found_the_example_comes_back() -> None:
    x, y = torch.rand(4, 6), torch.ones(4, dtype=torch.int64)
    found, distance = search(blind(lambda values: np.ones(len(values))), x, y, boxed("linf"), queries=100)
    assert torch.equal(found, x)
    assert distance.isinf().all()


def test_an_abstention_is_a_mistake() -> None:
    x = torch.full((2, 8), 0.5)
    source = blind(lambda values: np.where(values.mean(1) > 0.8, 1, np.where(values.mean(1) > 0.6, -1, 0)))
    _, distance = search(source, x, torch.zeros(2, dtype=torch.int64), boxed("linf"), queries=1000)
    assert (distance < 0.11).all()


def test_of_a_model_that_answers_at_random_a_mistake_is_one_every_time() -> None:
    """One answer in three is wrong by chance, anywhere; what it finds is beyond the boundary for sure."""
    chance = np.random.default_rng(0)
    source = blind(lambda x: (x[:, 0] > 0.6) | (chance.random(len(x)) < 1 / 3), stochastic=True)
    x, y = torch.full((6, 4), 0.3), torch.zeros(6, dtype=torch.int64)
    metered = Metered(source)
    (found,) = crafted("hopskipjump", metered, x, y, [boxed("linf")], bare(6), queries=3000, draws=12)
    assert metered.queries <= 6 * 3000
    assert (found[:, 0] > 0.6).all()
    assert (found[:, 0] < 0.75).double().mean() > 0.5


def test_another_draw_is_another_walk() -> None:
    x, source = torch.rand(9, 12, generator=torch.Generator().manual_seed(6)), blind(steps_of)
    first, second = (search(source, x, source.predict(x), boxed("l2"), queries=300, draw=draw)[0] for draw in (0, 1))
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("norm", "radii"),
    [
        ("l2", [0.016744, 0.01388, 0.020674, 0.008174, 0.034635]),
        ("linf", [0.015079, 0.013161, 0.019073, 0.007509, 0.032624]),
    ],
)
def test_candidates_never_change_but_with_the_revision(norm: str, radii: list[float]) -> None:
    x = torch.rand(5, 12, generator=torch.Generator().manual_seed(7))
    source = blind(steps_of)
    _, distance = search(source, x, source.predict(x), boxed(norm), queries=400)
    assert distance.tolist() == pytest.approx(radii, abs=1e-5)
