"""RayS finds the nearest mislabelled input by labels alone, example by example, within its budget of questions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from crafting import UNIT, crafted, draws
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor, nn

import adapters
from adapters.base import Adapter
from adapters.function import BlackBox
from bench.attacks.rays import blocks
from bench.datasets import Dataset
from bench.running.judge import audit
from bench.threats import Threat

Labels = Callable[[NDArray[np.float32]], Any]
FREE, BOXED = Threat(norm="linf"), Threat(norm="linf", clip=UNIT)


class Asked:
    """A labels-only model that keeps the sizes of the batches it was asked about."""

    def __init__(self, labels: Labels) -> None:
        self.sizes: list[int] = []

        def predict(x: NDArray[np.float32]) -> NDArray[np.int64]:
            self.sizes.append(len(x))
            return np.asarray(labels(x.reshape(len(x), -1)), dtype=np.int64)

        self.adapter = adapters.black_box(predict, version="1")


def blind(labels: Labels) -> BlackBox:
    return Asked(labels).adapter


def search(source: Adapter, x: Tensor, y: Tensor, threat: Threat = BOXED, **more: Any) -> tuple[Tensor, Tensor]:
    """The candidates, and `(N,)` how far they are, infinite where the label is still right."""
    (found,) = crafted("rays", source, x, y, [threat], more.pop("drawn", None), **more)
    distances = audit(found, x, threat).distances
    assert distances is not None
    wrong = source.predict(found) != y
    return found, torch.from_numpy(distances).where(wrong, torch.inf)


def halfspace(weights: NDArray[np.float64], offset: float) -> Labels:
    """Class 1 where `w . x > offset`; in float64, row by row, so that no batch moves a last bit."""
    return lambda x: (x.astype(np.float64) * weights).sum(1) > offset


# -- closed forms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", [1, 2, 3, 7, 20])
def test_of_a_halfspace_it_finds_the_distance(features: int) -> None:
    """`|w . x - c| / |w|_1`, which takes the sign of every weight."""
    generator = np.random.default_rng(features)
    weights, offset = generator.normal(size=features), 0.3
    x = generator.random((60, features)).astype(np.float32)
    labels = halfspace(weights, offset)
    exact = np.abs((x.astype(np.float64) * weights).sum(1) - offset) / np.abs(weights).sum()
    _, distance = search(blind(labels), torch.from_numpy(x), torch.from_numpy(labels(x)).long(), FREE, queries=300)
    near = exact < 0.5  # how far it looks depends on the largest value of the example
    assert near.any()
    assert (distance.numpy()[near] >= exact[near] - 1e-6).all()
    assert (distance.numpy()[near] <= 1.05 * exact[near] + 1e-5).all()


@pytest.mark.parametrize("features", [2, 5, 16])
def test_in_a_box_the_range_costs_distance(features: int) -> None:
    """The least r with `sum |w_i| min(r, room_i) = |w . x - c|`: what a feature cannot give, the others have to."""
    generator = np.random.default_rng(features)
    weights = generator.normal(size=features)
    x = generator.random((60, features)).astype(np.float32)
    value = (x.astype(np.float64) * weights).sum(1)
    offset = float(np.median(value)) + 0.1
    up = (value < offset)[:, None] == (weights > 0)
    room = np.where(up, 1 - x, x)
    radii = np.linspace(0, 1, 2001)
    gain = (np.abs(weights) * np.minimum(radii[:, None, None], room)).sum(2)
    reached = gain >= np.abs(value - offset)
    exact = np.where(reached.any(0), radii[reached.argmax(0)], np.inf)
    y = torch.from_numpy(value > offset).long()
    distance = search(blind(halfspace(weights, offset)), torch.from_numpy(x), y, queries=300)[1].numpy()
    near = exact < 0.95
    assert near.any()
    assert (distance >= exact - 1e-3).all()
    assert (distance[near] <= 1.05 * exact[near] + 1e-3).all()


@pytest.mark.parametrize("feature", [0, 3, 8])
def test_of_a_stump_it_finds_the_threshold(feature: int) -> None:
    x = torch.rand(20, 9, generator=torch.Generator().manual_seed(0))
    source = blind(lambda values: values[:, feature] > 0.5)
    _, distance = search(source, x, (x[:, feature] > 0.5).long(), queries=200)
    torch.testing.assert_close(distance, (x[:, feature] - 0.5).abs().double(), rtol=0.02, atol=1e-5)


def test_of_a_nearest_neighbour_it_finds_the_bisector() -> None:
    """With two prototypes exactly; with more, no nearer than the nearest bisector."""
    generator = torch.Generator().manual_seed(1)
    prototypes, kinds = torch.rand(6, 10, generator=generator), np.array([0, 1, 2, 0, 1, 2])
    x = torch.rand(12, 10, generator=generator)

    def exact(a: Tensor, b: Tensor) -> Tensor:
        across = (b - a).double()
        return ((a + b).double() / 2 - x) @ across / across.abs().sum()

    def nearest(count: int) -> Labels:
        known = prototypes[:count].numpy()
        return lambda values: kinds[((values[:, None] - known) ** 2).sum(2).argmin(1)]

    for count in (2, 6):
        labels = nearest(count)
        y = torch.from_numpy(labels(x.numpy()))
        _, distance = search(blind(labels), x, y, FREE, queries=600)
        own = ((x[:, None] - prototypes[:count]) ** 2).sum(2).argmin(1)
        for row in range(len(x)):
            others = [k for k in range(count) if kinds[k] != y[row]]
            bound = min(float(exact(prototypes[own[row]], prototypes[k])[row]) for k in others)
            assert bound - 1e-6 <= distance[row] <= (1.05 if count == 2 else 2) * bound


def test_of_a_network_it_keeps_up_with_fgsm(digits: Dataset, digits_net: nn.Module) -> None:
    net = adapters.wrap(digits_net)
    x = torch.from_numpy(np.asarray(digits.examples("test", np.arange(80))))
    y = torch.from_numpy(np.asarray(digits.labels("test"))[:80].copy()).long()
    _, distance = search(net, x, y, queries=400)
    grid = np.linspace(0.01, 0.5, 50).tolist()
    steps = crafted("fgsm", net, x, y, [Threat(norm="linf", eps=eps, clip=UNIT) for eps in grid])
    fooled = torch.stack([net.predict(step) != y for step in steps])
    fgsm = torch.tensor(grid, dtype=torch.float64)[fooled.int().argmax(0)].where(fooled.any(0), torch.inf)
    right = net.predict(x) == y
    assert (distance[right] <= fgsm[right]).double().mean() > 0.7
    assert (distance[right] <= 1.2 * fgsm[right]).double().mean() > 0.9
    assert distance[right].median() < 1.1 * fgsm[right].median()


def test_a_class_that_takes_all_far_corners_hides_nothing() -> None:
    """Far out everything is class 0: its examples are left by small steps alone."""
    source = blind(lambda x: (x.mean(1) > 0.5) & (x.mean(1) < 0.9))
    x = torch.full((3, 16), 0.4)
    _, distance = search(source, x, torch.zeros(3, dtype=torch.int64), queries=200)
    torch.testing.assert_close(distance, torch.full((3,), 0.1).double(), rtol=0.02, atol=1e-4)


# -- rules ------------------------------------------------------------------------------------------------------------


def steps_of(x: NDArray[np.float32]) -> Any:
    """Three classes by counts of features: no arithmetic that a batch could move."""
    return ((x > 0.55).sum(1) - (x < 0.3).sum(1)) % 3


@settings(max_examples=20, deadline=None)
@given(
    order=st.permutations(range(12)),
    n=st.integers(1, 12),
    queries=st.integers(1, 80),
    enough=st.sampled_from([0.0, 0.05]),
)
def test_an_example_comes_to_the_same_whatever_else_is_in_the_batch(
    order: list[int], n: int, queries: int, enough: float
) -> None:
    x = torch.rand(12, 2, 4, generator=torch.Generator().manual_seed(2))
    source, chosen = blind(steps_of), order[:n]
    y = source.predict(x)
    given: dict[str, Any] = {"queries": queries, "enough": enough}
    whole, _ = search(source, x, y, drawn=draws(range(12)), **given)
    part, _ = search(source, x[chosen], y[chosen], drawn=draws(chosen), **given)
    assert torch.equal(part, whole[chosen])


@pytest.mark.parametrize("queries", [1, 2, 3, 20, 300])
@pytest.mark.parametrize("threat", [FREE, BOXED], ids=["unclipped", "clipped"])
def test_no_example_is_asked_about_more_often_than_allowed(queries: int, threat: Threat) -> None:
    x = torch.rand(7, 12, generator=torch.Generator().manual_seed(3))
    asked = Asked(steps_of)
    y = asked.adapter.predict(x)
    asked.sizes.clear()
    crafted("rays", asked.adapter, x, y, [threat], queries=queries)
    assert asked.sizes == [7] * queries


def test_more_questions_never_find_anything_farther() -> None:
    x = torch.rand(9, 12, generator=torch.Generator().manual_seed(4))
    source = blind(steps_of)
    found = [search(source, x, source.predict(x), queries=queries)[1] for queries in (10, 50, 250)]
    for few, many in pairwise(found):
        assert (many <= few).all()


def test_what_is_near_enough_leaves_the_batch() -> None:
    x = torch.rand(40, 12, generator=torch.Generator().manual_seed(5))
    asked = Asked(lambda values: values[:, 0] > 0.5)
    y = (x[:, 0] > 0.5).long()
    _, distance = search(asked.adapter, x, y, queries=100, enough=0.2)
    last = asked.sizes[100]  # beyond these questions is the judge's own
    assert asked.sizes[:100] == sorted(asked.sizes[:100], reverse=True)
    assert asked.sizes[99] == int((distance > 0.2).sum()) < last == 40
    assert (distance[(x[:, 0] - 0.5).abs() < 0.195] <= 0.2 + 1e-6).all()


def test_a_mistake_stays_as_it_is_and_costs_one_question() -> None:
    x = torch.rand(4, 6)
    asked = Asked(lambda values: np.ones(len(values)))
    (found,) = crafted("rays", asked.adapter, x, torch.zeros(4, dtype=torch.int64), [BOXED])
    assert torch.equal(found, x)
    assert asked.sizes == [4]


def test_where_nothing_is_found_the_example_comes_back() -> None:
    x = torch.rand(4, 6)
    y = torch.ones(4, dtype=torch.int64)
    found, distance = search(blind(lambda values: np.ones(len(values))), x, y, queries=100)
    assert torch.equal(found, x)
    assert distance.isinf().all()


def test_an_abstention_is_a_mistake() -> None:
    """Above a mean of .6 it abstains, above .8 it errs: the search stops at what is nearer."""
    x = torch.full((2, 8), 0.5)
    source = blind(lambda values: np.where(values.mean(1) > 0.8, 1, np.where(values.mean(1) > 0.6, -1, 0)))
    _, distance = search(source, x, torch.zeros(2, dtype=torch.int64), queries=200)
    torch.testing.assert_close(distance, torch.full((2,), 0.1).double(), rtol=0.02, atol=1e-4)


def test_another_draw_is_another_search() -> None:
    x = torch.rand(9, 12, generator=torch.Generator().manual_seed(6))
    source = blind(steps_of)
    first, second = (search(source, x, source.predict(x), queries=150, draw=draw)[0] for draw in (0, 1))
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("features", "cut"),
    [
        (1, [(0, 1)]),
        (2, [(0, 2), (0, 1), (1, 2)]),
        (3, [(0, 3), (0, 1), (1, 3), (0, 1), (1, 2), (2, 3)]),
        (4, [(0, 4), (0, 2), (2, 4), (0, 1), (1, 2), (2, 3), (3, 4)]),
    ],
)
def test_blocks_are_halved_down_to_single_features(features: int, cut: list[tuple[int, int]]) -> None:
    assert blocks(features) == cut


@given(st.integers(1, 300))
def test_every_level_of_blocks_covers_every_feature_once(features: int) -> None:
    found = blocks(features)
    assert found[-features:] == [(k, k + 1) for k in range(features)]
    covered = np.zeros(features, dtype=int)
    for start, stop in found:
        assert start < stop
        covered[start:stop] += 1
    assert len(set(covered.tolist())) == 1


@pytest.mark.parametrize(
    ("queries", "radii"),
    [
        (30, [0.2282128, 0.3333167, 0.0190885, 0.3757708, 0.2270862]),
        (300, [0.0009356, 0.0131612, 0.0190762, 0.0075093, 0.0326253]),
    ],
)
def test_candidates_never_change_but_with_the_revision(queries: int, radii: list[float]) -> None:
    x = torch.rand(5, 12, generator=torch.Generator().manual_seed(7))
    source = blind(steps_of)
    _, distance = search(source, x, source.predict(x), queries=queries)
    assert distance.tolist() == pytest.approx(radii, abs=1e-6)
