"""The nearest mislabelled input of a tree, against all inputs that could be it; a sum of trees is never beaten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from small_trees import CLIP, examples, fitted, nearest, opened
from torch import Tensor

import adapters
from adapters.base import Adapter
from bench.exact.base import Effort, Proof
from bench.exact.trees import TreesCertificate
from bench.threats import Threat

SIZES = (0.01, 0.02, 0.05, 0.1, 0.2)


def proof(model: Adapter, x: Tensor, y: Tensor, norm: str, clip: tuple[float, float] | None = CLIP) -> Proof:
    return TreesCertificate().prove(opened(model, x.shape[1]), x, y, Threat(norm=norm, clip=clip), Effort(sizes=SIZES))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    norm=st.sampled_from(["linf", "l2", "l1"]),
    clip=st.sampled_from([CLIP, None]),
    depth=st.integers(1, 5),
)
def test_a_tree_is_exact(seed: int, norm: str, clip: tuple[float, float] | None, depth: int) -> None:
    model = fitted(seed, depth=depth)
    x, y = examples(model, 3, 6, seed)
    found = proof(model, x, y, norm, clip)
    expected = [nearest(model, one, int(label), norm, clip) for one, label in zip(x, y, strict=True)]
    np.testing.assert_allclose(found.radius, expected, rtol=1e-9)
    assert (found.radius < torch.tensor(expected, dtype=torch.float64)).logical_or(found.radius.isinf()).all()
    assert found.exact.all()
    there = found.radius.isfinite()
    assert (model.predict(found.witness) != y)[there].all()
    distance = Threat(norm=norm).geometry.lengths(found.witness.double() - x.double())
    np.testing.assert_allclose(distance[there], found.radius[there], rtol=1e-9)


def summed(seed: int, features: int, kind: str, classes: int = 2, depth: int = 2) -> Adapter:
    draw = np.random.default_rng(seed)
    x, y = draw.random((80, features)).astype(np.float32), draw.integers(0, classes, 80)
    y[:classes] = range(classes)
    return adapters.wrap(SUMS[kind](seed, depth).fit(x, y))


SUMS: dict[str, Callable[[int, int], Any]] = {
    "forest": lambda seed, depth: RandomForestClassifier(5, max_depth=depth, random_state=seed),
    "votes": lambda seed, depth: RandomForestClassifier(3, random_state=seed, max_features=None),
    "extra trees": lambda seed, depth: ExtraTreesClassifier(6, max_depth=depth, random_state=seed),
    "gradient boosting": lambda seed, depth: GradientBoostingClassifier(n_estimators=4, max_depth=depth),
    "histograms": lambda seed, depth: HistGradientBoostingClassifier(max_iter=4, max_depth=depth, min_samples_leaf=3),
    "adaboost": lambda seed, depth: AdaBoostClassifier(n_estimators=6, random_state=seed),
    "scaled": lambda seed, depth: make_pipeline(StandardScaler(), RandomForestClassifier(4, random_state=seed)),
}


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), clip=st.sampled_from([CLIP, None]), classes=st.integers(2, 3),
       kind=st.sampled_from(list(SUMS)))  # fmt: skip
def test_a_sum_of_trees_is_exact(seed: int, clip: tuple[float, float] | None, classes: int, kind: str) -> None:
    """What is not decided is beyond the largest size."""
    model = summed(seed, 2, kind, classes)
    x, y = examples(model, 2, 4, seed)
    found = proof(model, x, y, "linf", clip)
    expected = torch.tensor(
        [nearest(model, one, int(label), "linf", clip) for one, label in zip(x, y, strict=True)], dtype=torch.float64
    )
    assert (found.radius < expected + (1e-6 if kind == "scaled" else 0)).all()
    far = expected > SIZES[-1] + 1e-6
    assert (found.exact | far).all()
    rounding = 2e-5 if kind == "scaled" else 0
    np.testing.assert_allclose(found.radius[found.exact], expected[found.exact], rtol=1e-9, atol=rounding)
    assert (found.radius[far] >= SIZES[-1]).all()
    assert (model.predict(found.witness) != y)[found.exact].all()
    apart = (found.witness.double() - x.double()).abs().amax(1)
    np.testing.assert_allclose(apart[found.exact], expected[found.exact], rtol=1e-9, atol=rounding)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(list(SUMS)), norm=st.sampled_from(["l2", "l1"]))
def test_a_sum_of_trees_in_other_norms(seed: int, kind: str, norm: str) -> None:
    """Halved to a share of what is between the sizes."""
    model = summed(seed, 2, kind)
    x, y = examples(model, 2, 4, seed)
    found = proof(model, x, y, norm)
    expected = torch.tensor(
        [nearest(model, one, int(label), norm, CLIP) for one, label in zip(x, y, strict=True)], dtype=torch.float64
    )
    assert (found.radius < expected + (1e-6 if kind == "scaled" else 0)).all()
    near = expected < SIZES[-1] - 1e-6
    assert (model.predict(found.witness) != y)[near].all()
    assert (found.radius > expected - 1e-3)[near].all()
    apart = Threat(norm=norm).geometry.lengths(found.witness.double() - x.double())
    assert (apart - expected < 1e-3)[near].all()


def test_the_bound_decides_a_share() -> None:
    """Of forests that are sure of what they say: open everywhere would never be wrong, either."""
    draw = np.random.default_rng(0)
    x = draw.random((300, 2)).astype(np.float32)
    model = adapters.wrap(RandomForestClassifier(25, max_depth=4, random_state=0).fit(x, x[:, 0] > 0.5))
    shown = torch.from_numpy(x)
    found = proof(model, shown, model.predict(shown), "linf")
    assert (found.radius >= 0.05).double().mean() > 0.6


def test_a_tree_that_gives_one_label_cannot_be_mislabelled() -> None:
    x = np.array([[0.2, 0.1], [0.8, 0.3], [0.8, 0.4]])
    model = adapters.wrap(DecisionTreeClassifier(min_samples_leaf=3).fit(x, [0, 1, 1]))
    assert proof(model, torch.rand(3, 2), torch.ones(3, dtype=torch.int64), "l2").radius.isinf().all()


def test_without_time_nothing_is_proved() -> None:
    model = fitted(0, 2, trees=5)
    x, y = examples(model, 2, 6, 0)
    told = opened(model, 2)
    found = TreesCertificate().prove(told, x, y, Threat(norm="linf", clip=CLIP), Effort(sizes=(1e-6,), seconds=0))
    assert found.radius.tolist() == [0.0] * 6


@pytest.mark.parametrize("trees", [1, 5])
def test_what_is_told_is_what_the_estimator_labels_by(trees: int) -> None:
    model = fitted(7, 4, trees=trees, depth=6)
    x, y = examples(model, 4, 200, 7)
    told = opened(model, 4)
    scores = told.scores(x)
    top = scores.topk(2, dim=1).values
    clear = top[:, 0] - top[:, 1] > told.roundoff(x)
    assert torch.equal(scores.argmax(1)[clear], y[clear])


def test_what_is_outside_the_range_or_no_number_is_open() -> None:
    model = fitted(0, 2, trees=5)
    x, y = examples(model, 2, 3, 0)
    x[0, 0], x[1, 1] = 1.5, torch.nan
    found = proof(model, x, y, "linf")
    assert found.radius[:2].tolist() == [0, 0]
    assert not found.exact[:2].any()
    assert found.radius[2] > 0


@pytest.mark.parametrize("trees", [1, 4])
def test_no_examples(trees: int) -> None:
    model = fitted(0, 2, trees=trees)
    for norm in TreesCertificate.norms:
        radius, witness, exact = proof(model, torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64), norm)
        assert (radius.shape, witness.shape, exact.shape) == ((0,), (0, 2), (0,))
