"""The nearest mislabelled input of a tree, against all inputs that could be it; a sum of trees is never beaten."""

from __future__ import annotations

import dataclasses
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
from adapters.structures import Trees
from adapters.structures.trees import Tree
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


@settings(max_examples=40, deadline=None)
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


def test_ties_are_told_apart_by_the_models_own_order_of_adding() -> None:
    """0.3 + 0.2 + 0.1 is 0.6, a tie, which goes to the first class; and 0.1 + 0.2 + 0.3 is more."""
    children = torch.tensor([1, -1, -1]), torch.tensor([2, -1, -1])
    split, half = torch.zeros(3, dtype=torch.int64), torch.full((3,), 0.5)

    def tree(left: float, right: float) -> Tree:
        return Tree.plain(*children, split, half, torch.tensor([[0, 0], [0, left], [0, right]], dtype=torch.float64))

    told = Trees((0, 1), (tree(0.3, 0.1), tree(0.2, 0.2), tree(0.1, 0.3)), torch.tensor([0.6, 0], dtype=torch.float64))
    x, y = torch.tensor([[0.2], [0.8]]), torch.tensor([0, 1])
    assert torch.equal(told.scores(x).argmax(1), y)
    for norm in TreesCertificate.norms:
        found = TreesCertificate().prove(told, x, y, Threat(norm=norm, clip=CLIP), Effort(sizes=(0.1, 0.5)))
        assert torch.equal(told.scores(found.witness).argmax(1), 1 - y)
        if norm == "linf":
            assert found.exact.all()
            np.testing.assert_allclose(found.radius, [0.3, 0.3], atol=1e-6)


BOOSTERS: dict[str, dict[str, Any]] = {
    "xgboost.XGBClassifier": {"n_estimators": 4, "max_depth": 2, "n_jobs": 1},
    "lightgbm.LGBMClassifier": {"n_estimators": 4, "max_depth": 2, "min_child_samples": 3, "verbose": -1, "n_jobs": 1},
    "catboost.CatBoostClassifier": {"iterations": 4, "depth": 2, "verbose": False, "thread_count": 1,
                                    "allow_writing_files": False},
}  # fmt: skip


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", BOOSTERS)
def test_boosters_are_exact(name: str, classes: int) -> None:
    """By their own labels of all inputs that could be the nearest."""
    library, kind = name.split(".")
    made = getattr(pytest.importorskip(library), kind)
    for seed in range(3):
        draw = np.random.default_rng(seed)
        given, labels = draw.random((120, 2)).astype(np.float32), draw.integers(0, classes, 120)
        model = adapters.wrap(made(**BOOSTERS[name]).fit(given, labels))
        x = torch.rand(5, 2, generator=torch.Generator().manual_seed(seed))
        y = model.predict(x)
        found = proof(model, x, y, "linf")
        expected = torch.tensor(
            [nearest(model, one, int(label), "linf", CLIP) for one, label in zip(x, y, strict=True)],
            dtype=torch.float64,
        )
        assert (found.exact | (expected > SIZES[-1])).all()
        np.testing.assert_allclose(found.radius[found.exact], expected[found.exact], rtol=1e-9)
        assert (found.radius < expected).all()
        assert (model.predict(found.witness) != y)[found.exact].all()


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_a_size_that_is_proved_is_left_when_the_judges_slack_is_taken_off(scale: float) -> None:
    """A ball is held of what the judge lets pass, too, and its radius is kept in float32."""
    draw = np.random.default_rng(0)
    given = (scale * draw.random((300, 2))).astype(np.float32)
    model = adapters.wrap(RandomForestClassifier(25, max_depth=4, random_state=0).fit(given, given[:, 0] > scale / 2))
    x = torch.from_numpy(given)[:60]
    threat, sizes = Threat(norm="linf", clip=(0.0, scale)), tuple(scale * size for size in SIZES)
    told = opened(model, 2)
    found = TreesCertificate().prove(told, x, model.predict(x), threat, Effort(sizes=sizes))
    kept = threat.geometry.inward(found.radius, x).float().double()
    for size in sizes:
        alone = TreesCertificate().prove(told, x, model.predict(x), threat, Effort(sizes=(size,)))
        held = threat.geometry.inward(alone.radius, x).float().double()
        assert torch.equal(kept >= size, held >= size)
        assert 0 < int((held >= size).sum()) < len(x)


def told_tree(threshold: float, above: float, value: float, off: float = 0.0) -> Trees:
    """One split of one feature, and what class 1 has over class 0 on the right of it; on the left, 1."""
    one = torch.ones(3)
    leaves = torch.tensor([[0, 0], [0, 1], [0, value]], dtype=torch.float64)
    children = torch.tensor([1, -1, -1]), torch.tensor([2, -1, -1])
    tree = Tree(*children, torch.zeros(3, dtype=torch.int64), threshold * one, above * one, leaves)
    return Trees((0, 1), (tree,), torch.zeros(2, dtype=torch.float64), 1.0, off)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_a_label_that_rounding_decides_is_no_witness_and_not_safe(norm: str) -> None:
    """Of a single tree of a booster, whose link may round a lead away; and of one with no such link it is."""
    x, y = torch.tensor([[0.2]]), torch.tensor([1])
    for value, off, exact in ((0.0, 1e-6, False), (1e-9, 1e-6, False), (-1e-9, 1e-6, False), (-1.0, 1e-6, True),
                              (0.0, 0.0, True)):  # fmt: skip
        told = told_tree(0.25, float(np.nextafter(np.float32(0.25), np.float32(1))), value, off)
        found = TreesCertificate().prove(told, x, y, Threat(norm=norm, clip=CLIP), Effort(sizes=(0.04, 0.2)))
        assert 0.04 <= float(found.radius) < 0.05 + 1e-7
        assert bool(found.exact) or not exact or norm != "linf"
        assert exact or not bool(found.exact)
        assert exact or torch.equal(found.witness, x)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_end_of_the_range_between_a_threshold_and_what_is_above_may_go_either_way(norm: str) -> None:
    """Of a scaled tree whose threshold is the end of the range, but for rounding."""
    told, x = told_tree(-1e-7, 1e-7, -1.0), torch.tensor([[0.05]])
    found = TreesCertificate().prove(told, x, torch.tensor([0]), Threat(norm=norm, clip=CLIP), Effort(sizes=(0.01, 1)))
    assert 0 < float(found.radius) <= 0.05
    both = dataclasses.replace(told, trees=told.trees * 3)
    found = TreesCertificate().prove(both, x, torch.tensor([0]), Threat(norm=norm, clip=CLIP), Effort(sizes=(0.01, 1)))
    assert 0 < float(found.radius) <= 0.05


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
