"""Corners of the ball are searched from training points of other classes, by scores or by labels alone."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from crafting import UNIT, crafted, draws
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from torch import Tensor

import adapters
from adapters.base import Adapter
from bench.attacks.patches import Plane, tilings
from bench.datasets import Dataset
from bench.draws import Draws
from bench.pool import Pool
from bench.running.metered import Metered
from bench.threats import Threat


def threat(eps: float) -> Threat:
    return Threat(norm="linf", eps=eps, clip=UNIT)


def forest(features: int = 6, trees: int = 15) -> tuple[Adapter, Pool, Tensor, Tensor]:
    """A forest of three classes, its training points, and 40 inputs with the labels that it gives them."""
    points = torch.rand(240, features, generator=torch.Generator().manual_seed(1))
    kinds = ((points[:, 0] + points[:, 1] > 1).long() + (points[:, 2] > 0.5)).sort()
    pool = Pool(points[kinds.indices], kinds.values)
    model = RandomForestClassifier(trees, max_depth=4, random_state=0).fit(pool.points.numpy(), pool.classes.numpy())
    x = torch.rand(40, features, generator=torch.Generator().manual_seed(2))
    source = adapters.wrap(model)
    return source, pool, x, source.predict(x)


def labels_of(source: Adapter) -> Adapter:
    return adapters.black_box(lambda x: source.predict(torch.from_numpy(np.array(x))).numpy(), version="1")


def drawn(n: Any, pool: Pool) -> Draws:
    return Draws((0, "checksum"), np.asarray(range(n) if isinstance(n, int) else n), lambda: pool)


def votes(x: Any) -> Any:
    """Three classes by counts of features: no arithmetic that a batch could move."""
    return ((x > 0.55).reshape(len(x), -1).sum(1) - (x < 0.3).reshape(len(x), -1).sum(1)) % 3


@pytest.mark.parametrize("blind", [False, True], ids=["scores", "labels"])
def test_of_a_small_forest_it_fools_nearly_all_that_a_grid_does(blind: bool) -> None:
    """Every point that puts each feature low, high or back, one by one; rays of signs have not the last of these."""
    source, pool, x, y = forest()
    eps = 0.08
    model = Metered(labels_of(source) if blind else source)
    (found,) = crafted("corners", model, x, y, [threat(eps)], drawn(40, pool))
    ways = torch.tensor(list(product((-eps, 0.0, eps), repeat=6)))
    some = torch.stack(
        [(source.predict((each + ways).clamp(0, 1)) != kind).any() for each, kind in zip(x, y, strict=True)]
    )
    fooled = source.predict(found) != y
    assert 8 < some.sum() < 40
    assert fooled.sum() >= (0.8 if blind else 0.95) * some.sum()
    assert model.queries <= 40 * 5000


def test_of_a_forest_of_digits_it_fools_more_than_projection_and_about_as_many_as_square(digits: Dataset) -> None:
    known = torch.from_numpy(np.asarray(digits.examples("train", np.arange(1000)))).flatten(1)
    kinds = torch.from_numpy(np.asarray(digits.labels("train"))[:1000].copy()).long().sort()
    pool = Pool(known[kinds.indices], kinds.values)
    model = RandomForestClassifier(30, random_state=0).fit(pool.points.numpy(), pool.classes.numpy())
    source = adapters.wrap(model)
    x = torch.from_numpy(np.asarray(digits.examples("test", np.arange(60))))
    y = source.predict(x)
    fooled = {}
    for name in ("corners", "square", "projection"):
        queries = {"queries": 600} if name != "projection" else {}
        (found,) = crafted(name, source, x, y, [threat(0.05)], drawn(60, pool), **queries)
        fooled[name] = int((source.predict(found) != y).sum())
    assert fooled["corners"] >= 0.9 * fooled["square"]
    assert fooled["corners"] > 1.5 * fooled["projection"] > 0


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(range(12)), n=st.integers(1, 12), queries=st.integers(1, 400), scored=st.booleans())
def test_an_example_comes_to_the_same_whatever_else_is_in_the_batch(
    order: list[int], n: int, queries: int, scored: bool
) -> None:
    source, pool, x, y = forest()
    x, y, chosen = x[:12], y[:12], order[:n]
    model, budget = source if scored else labels_of(source), [threat(0.05)]
    (whole,) = crafted("corners", model, x, y, budget, drawn(12, pool), queries=queries)
    (part,) = crafted("corners", model, x[chosen], y[chosen], budget, drawn(chosen, pool), queries=queries)
    assert torch.equal(part, whole[chosen])


@settings(max_examples=20, deadline=None)
@given(queries=st.integers(1, 500), scored=st.booleans(), shape=st.sampled_from([(6,), (1, 2, 3), (3, 2, 1), (2, 3)]))
def test_no_example_is_asked_about_more_often_than_allowed(queries: int, scored: bool, shape: tuple[int, ...]) -> None:
    source, pool, x, y = forest()
    model = Metered(source if scored else labels_of(source))
    crafted("corners", model, x[:1].view(1, *shape), y[:1], [threat(0.001)], drawn(1, pool), queries=queries)
    assert 1 <= model.queries <= queries


def test_a_mistake_stays_as_it_is_and_costs_one_question() -> None:
    source, pool, x, y = forest()
    model = Metered(source)
    (found,) = crafted("corners", model, x, (y + 1) % 3, [threat(0.1)], drawn(40, pool))
    assert torch.equal(found, x)
    assert model.queries == 40


def test_an_abstention_is_a_mistake() -> None:
    x = torch.full((2, 8), 0.5)
    source = adapters.black_box(lambda values: np.where(values.mean(1) > 0.55, -1, 0), version="1")
    pool = Pool(torch.ones(3, 8), torch.ones(3, dtype=torch.int64))
    (found,) = crafted("corners", source, x, torch.zeros(2, dtype=torch.int64), [threat(0.1)], drawn(2, pool))
    assert (source.predict(found) == -1).all()


def test_without_training_examples_it_starts_at_the_example() -> None:
    source, _, x, y = forest()
    (found,) = crafted("corners", source, x, y, [threat(0.1)], Draws((0, ""), np.arange(40)))
    assert (source.predict(found) != y).sum() > 8


def test_another_draw_is_another_order() -> None:
    """Which blocks are asked about first, where not all of them can be."""
    source, pool, x, y = forest()
    first, second = (
        crafted("corners", source, x, y, [threat(0.04)], drawn(40, pool), queries=95, draw=draw)[0] for draw in (0, 1)
    )
    assert not torch.equal(first, second)


@given(channels=st.integers(1, 3), height=st.integers(1, 12), width=st.integers(1, 12))
def test_blocks_grow_smaller_down_to_single_features(channels: int, height: int, width: int) -> None:
    found = tilings(Plane(channels, height, width))
    counts = [len(set(tiling.tolist())) for tiling in found]
    assert all(tiling.max() + 1 == count for tiling, count in zip(found, counts, strict=True))
    assert counts == sorted(set(counts))
    assert counts[-1] == channels * height * width == len(found[-1])


def test_blocks_of_an_image_are_squares_of_all_channels() -> None:
    (quarters, *_) = tilings(Plane(2, 4, 4))
    assert quarters.reshape(2, 4, 4)[1].tolist() == [[0, 0, 1, 1]] * 2 + [[2, 2, 3, 3]] * 2
    assert (quarters[:16] == quarters[16:]).all()


def test_candidates_never_change_but_with_the_revision() -> None:
    x = torch.rand(3, 12, generator=torch.Generator().manual_seed(7))
    source = adapters.black_box(votes, version="1")
    (found,) = crafted("corners", source, x, source.predict(x), [threat(0.05)], draws(range(3)), queries=300)
    assert (found - x)[:, ::4].flatten().tolist() == pytest.approx(
        [0.05, 0.05, 0.05, 0.05, -0.05, 0.05, 0.05, 0.05, 0.05], abs=1e-6
    )
