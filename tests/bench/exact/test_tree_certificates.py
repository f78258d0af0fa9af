"""The nearest mislabelled input of a tree, against all inputs that could be it; a sum of trees is never beaten."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor

import adapters
from adapters.base import Adapter
from adapters.structures import Trees
from bench.exact.base import Effort, Proof
from bench.exact.trees import TreesCertificate
from bench.threats import Threat

CLIP = (0.0, 1.0)
EFFORT = Effort(sizes=(0.01, 0.02, 0.05, 0.1, 0.2))


def fitted(seed: int, features: int = 3, *, trees: int = 1, depth: int = 4, classes: int = 3) -> Adapter:
    draw = np.random.default_rng(seed)
    x, y = draw.random((60, features)).astype(np.float32), draw.integers(0, classes, 60)
    y[:classes] = range(classes)
    if trees == 1:
        return adapters.wrap(DecisionTreeClassifier(max_depth=depth, random_state=seed).fit(x, y))
    kind = (RandomForestClassifier, ExtraTreesClassifier)[seed % 2]
    return adapters.wrap(kind(trees, max_depth=depth, random_state=seed).fit(x, y))


def examples(model: Adapter, features: int, n: int, seed: int) -> tuple[Tensor, Tensor]:
    x = torch.rand(n, features, generator=torch.Generator().manual_seed(seed))
    x[: n // 3] = x[: n // 3].round()
    return x, model.predict(x)


def opened(model: Adapter, features: int) -> Trees:
    told = model.structure((features,))
    assert isinstance(told, Trees)
    return told


def proof(model: Adapter, x: Tensor, y: Tensor, norm: str, clip: tuple[float, float] | None = CLIP) -> Proof:
    return TreesCertificate().prove(opened(model, x.shape[1]), x, y, Threat(norm=norm, clip=clip), EFFORT)


def nearest(model: Adapter, x: Tensor, label: int, norm: str, clip: tuple[float, float] | None) -> float:
    """Distance of the nearest mislabelled input: a coordinate of it is the example's, or just beside a threshold."""
    sides = []
    for feature in range(len(x)):
        at = torch.cat(
            [tree.threshold[(tree.left >= 0) & (tree.feature == feature)] for tree in opened(model, len(x)).trees]
        )
        beside = torch.cat([at, torch.nextafter(at, torch.tensor(torch.inf)), x[feature : feature + 1]]).unique()
        sides.append((beside if clip is None else beside[(beside >= clip[0]) & (beside <= clip[1])]).tolist())
    inputs = torch.tensor(list(itertools.product(*sides)))
    wrong = inputs[model.predict(inputs) != label]
    distance = Threat(norm=norm).geometry.lengths(wrong.double() - x.double())
    return float(distance.min()) if len(wrong) else np.inf


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


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), trees=st.integers(2, 6), clip=st.sampled_from([CLIP, None]))
def test_a_sum_of_trees_is_never_nearer_than_its_bound(seed: int, trees: int, clip: tuple[float, float] | None) -> None:
    model = fitted(seed, 2, trees=trees, depth=2)
    x, y = examples(model, 2, 6, seed)
    found = proof(model, x, y, "linf", clip)
    expected = torch.tensor([nearest(model, one, int(label), "linf", clip) for one, label in zip(x, y, strict=True)])
    assert (found.radius < expected).all()
    assert not found.exact.any()


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_a_size_that_is_proved_is_left_when_the_judges_slack_is_taken_off(scale: float) -> None:
    """A ball is held of what the judge lets pass, too, and its radius is kept in float32."""
    draw = np.random.default_rng(0)
    given = (scale * draw.random((300, 2))).astype(np.float32)
    model = adapters.wrap(RandomForestClassifier(25, max_depth=4, random_state=0).fit(given, given[:, 0] > scale / 2))
    x = torch.from_numpy(given)
    threat, sizes = Threat(norm="linf", clip=(0.0, scale)), tuple(scale * size for size in EFFORT.sizes)
    told = opened(model, 2)
    found = TreesCertificate().prove(told, x, model.predict(x), threat, Effort(sizes=sizes))
    kept = threat.geometry.inward(found.radius, x).float().double()
    for size in sizes:
        alone = TreesCertificate().prove(told, x, model.predict(x), threat, Effort(sizes=(size,)))
        assert torch.equal(kept >= size, alone.radius > 0)
        assert 0 < int((alone.radius > 0).sum()) < len(x)


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


def test_a_tree_from_a_strangers_process_ends() -> None:
    """Nodes that lie above themselves would be walked for ever, by the judge."""
    told = opened(fitted(0, 2), 2)
    (tree,) = told.trees
    inner = int((tree.left >= 0).nonzero()[-1])
    for name, value in (("left", 0), ("left", inner), ("right", len(tree.left)), ("feature", -1)):
        changed = getattr(tree, name).clone()
        changed[inner] = value
        with pytest.raises(ValueError, match=r"a node lies above itself|a feature is none"):
            dataclasses.replace(tree, **{name: changed})
    with pytest.raises(ValueError, match="one of other classes"):
        dataclasses.replace(told, classes=(0,))
