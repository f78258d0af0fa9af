"""Training points of other classes, projected onto the ball."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from crafting import UNIT, crafted
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

import adapters
from adapters.base import Adapter
from adapters.errors import Unsupported
from bench import pool as pools
from bench.draws import Draws
from bench.pool import Pool
from bench.running.metered import Metered
from bench.threats import Threat

FEATURES = 5


def training(n: int = 60, classes: int = 3) -> Pool:
    points = torch.rand(n, FEATURES, generator=torch.Generator().manual_seed(3))
    return Pool(points, (torch.arange(n) * classes) // n)


def drawn(n: int, pool: Pool) -> Draws:
    return Draws((0, "checksum"), np.arange(n), lambda: pool)


def neighbour(pool: Pool) -> Adapter:
    return adapters.wrap(KNeighborsClassifier(1).fit(pool.points.numpy(), pool.classes.numpy()))


def examples(pool: Pool, n: int = 40) -> tuple[Adapter, Tensor, Tensor]:
    model = neighbour(pool)
    x = torch.rand(n, FEATURES, generator=torch.Generator().manual_seed(4))
    return model, x, model.predict(x)


@settings(max_examples=30, deadline=None)
@given(each=st.integers(1, 30), n=st.integers(1, 8), cells=st.sampled_from([1, 100, 2**24]))
def test_rivals_are_the_nearest_of_every_other_class_in_order(each: int, n: int, cells: int) -> None:
    """As sorting all distances tells, whatever the blocks."""
    pool = training()
    x = torch.rand(n, FEATURES, generator=torch.Generator().manual_seed(n))
    y = torch.arange(n) % 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pools, "CELLS", cells)
        found = pool.rivals(x, y, each)
    for row in range(n):
        apart = (pool.points - x[row]).norm(dim=1)
        nearest = [
            place
            for kind in range(3)
            if kind != y[row]
            for place in [p for p in apart.argsort().tolist() if pool.classes[p] == kind][:each]
        ]
        assert found[row].tolist() == sorted(nearest, key=lambda place: float(apart[place]))


def test_rows_with_fewer_rivals_end_in_nothing() -> None:
    pool = Pool(torch.tensor([[0.0], [1.0], [2.0], [5.0]]), torch.tensor([0, 0, 0, 1]))
    found = pool.rivals(torch.tensor([[1.2], [4.0]]), torch.tensor([0, 1]), 2)
    assert found.tolist() == [[3, -1], [2, 1]]


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.05), ("l2", 0.1), ("l1", 0.15), ("l0", 1.0)])
def test_it_fools_whatever_any_of_its_projections_fools(norm: str, eps: float) -> None:
    """By trying every one of them, one by one."""
    pool = training()
    model, x, y = examples(pool)
    budget = Threat(norm=norm, eps=eps, clip=UNIT)
    source = Metered(model)
    attack = crafted("projection", source, x, y, [budget], drawn(len(x), pool), points=4)[0]
    order = pool.rivals(x, y, 4)
    every = torch.stack([model.predict(budget.project(x, pool.points[order[:, turn]])) != y for turn in range(8)])
    assert torch.equal(model.predict(attack) != y, every.any(0))
    assert 0 < every.any(0).sum() <= len(x) - (norm != "l0")  # a whole feature of five is much
    assert source.queries <= len(x) * (1 + order.shape[1])


def test_a_ball_that_holds_a_rivals_point_is_lost_to_it() -> None:
    pool = training()
    model, x, y = examples(pool)
    (found,) = crafted("projection", model, x, y, [Threat(norm="linf", eps=1.0, clip=UNIT)], drawn(len(x), pool))
    assert (model.predict(found) != y).all()
    nearest = pool.points[pool.rivals(x, y, 1)[:, 0]]
    assert torch.allclose(found, nearest, atol=1e-6)


def test_without_training_examples_it_says_so() -> None:
    model, x, y = examples(training())
    with pytest.raises(Unsupported, match="no training examples"):
        crafted("projection", model, x, y, [Threat(norm="linf", eps=0.1)], Draws((0,), np.arange(len(x))))


def test_led_rays_need_fewer_questions_than_unled_ones() -> None:
    """Where only one corner of the ball is another class: towards its training points."""
    way = torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0, -1.0, 1.0, -1.0] * 3)
    points = torch.cat([0.5 - 0.2 * way.expand(5, -1), 0.5 + 0.2 * way.expand(5, -1)])
    pool = Pool(points, torch.arange(10) // 5)
    model = adapters.black_box(lambda x: ((np.asarray(x) - 0.5) @ way.numpy() > 5.9).astype(int), version="1")
    x, y = torch.full((3, 30), 0.5), torch.zeros(3, dtype=torch.int64)
    budget = [Threat(norm="linf", clip=UNIT)]
    (led,) = crafted("training-rays", model, x, y, budget, drawn(3, pool), queries=40)
    (unled,) = crafted("rays", model, x, y, budget, drawn(3, pool), queries=40)
    assert torch.allclose((led - x).abs().amax(1), torch.tensor(5.9 / 30), rtol=0.02)
    assert ((unled - x).abs().amax(1) > 0.25).all() or torch.equal(unled, x)


def test_what_is_mislabelled_as_it_is_stays_so() -> None:
    """As is whoever a point of another class draws over."""
    points = torch.tensor([[0.0], [1.0]])
    pool = Pool(points, torch.tensor([0, 1]))
    model = adapters.wrap(KNeighborsClassifier(1).fit(points.numpy(), [0, 1]))
    x, y = torch.tensor([[0.9], [0.2]]), torch.tensor([1, 1])
    (found,) = crafted("projection", model, x, y, [Threat(norm="linf", eps=0.5, clip=UNIT)], drawn(2, pool))
    assert torch.allclose(found, torch.tensor([[0.4], [0.0]]))
