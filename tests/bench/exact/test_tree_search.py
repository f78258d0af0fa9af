"""Stumps, whose nearest mislabelled input has a closed form, and the search in a ball, against brute force."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from small_trees import CLIP, examples, fitted, nearest, opened
from torch import Tensor

import adapters
from adapters.structures import Trees
from adapters.structures.trees import Tree
from bench.exact.ball import ball, merged
from bench.exact.base import Effort
from bench.exact.boxes import Boxes
from bench.exact.branching import Answer, Search
from bench.exact.trees import TreesCertificate
from bench.threats import Threat


def stumps(seed: int, count: int, features: int) -> Trees:
    """Trees of one split each, at random."""
    draw = torch.Generator().manual_seed(seed)
    trees = []
    for _ in range(count):
        value = torch.zeros(3, 2, dtype=torch.float64)
        value[1:, 1] = torch.randn(2, generator=draw, dtype=torch.float64)
        split = torch.tensor([int(torch.randint(features, (1,), generator=draw)), 0, 0])
        threshold = torch.rand(1, generator=draw).expand(3).clone()
        trees.append(Tree.plain(torch.tensor([1, -1, -1]), torch.tensor([2, -1, -1]), split, threshold, value))
    return Trees((0, 1), tuple(trees), torch.zeros(2, dtype=torch.float64))


def separable(told: Trees, x: Tensor, own: int) -> float:
    """The least distance at which the features' own best steps add up to another label: stumps are a sum over them."""
    sign, places = 1 - 2 * own, [int(tree.feature[0]) for tree in told.trees]
    ends = {float(x[place]) for place in places}
    for tree in told.trees:
        ends |= {float(tree.threshold[0]), float(torch.nextafter(tree.threshold[0], torch.tensor(torch.inf)))}
    sizes = sorted({abs(end - float(value)) for end in ends for value in x})

    def wrong(size: float) -> bool:
        total = 0.0
        for feature in set(places):
            here = [tree for tree, place in zip(told.trees, places, strict=True) if place == feature]
            edges = [float(tree.threshold[0]) for tree in here]
            above = [float(torch.nextafter(tree.threshold[0], torch.tensor(torch.inf))) for tree in here]
            tried = [v for v in [float(x[feature]), *edges, *above] if abs(v - float(x[feature])) <= size]
            total += max(
                sum(sign * float(tree.value[1 if v <= float(tree.threshold[0]) else 2, 1]) for tree in here)
                for v in tried
            )
        return total > 0

    low, high = 0, len(sizes)
    while low < high:  # wrong at a size is wrong at all larger ones
        middle = (low + high) // 2
        low, high = (low, middle) if wrong(sizes[middle]) else (middle + 1, high)
    return sizes[low] if low < len(sizes) else np.inf


@pytest.mark.parametrize(("count", "features"), [(30, 1), (60, 5), (200, 8)])
def test_stumps_are_exact(count: int, features: int) -> None:
    """Without a single cut: steps of one feature are merged, and the bound by what is left is attained."""
    told, x = stumps(count, count, features), torch.rand(10, features, generator=torch.Generator().manual_seed(1))
    y = told.scores(x).argmax(1)
    effort = Effort(sizes=(0.05, 0.2, 1.0))
    found = TreesCertificate().prove(told, x, y, Threat(norm="linf", clip=CLIP), effort)
    expected = torch.tensor(
        [separable(told, one, int(own)) for one, own in zip(x, y, strict=True)], dtype=torch.float64
    )
    assert found.exact[expected.isfinite()].all()
    assert (found.radius[expected.isinf()] >= 1).all()
    reached = expected.isfinite()
    np.testing.assert_allclose(found.radius[reached], expected[reached], rtol=1e-9)
    assert (told.scores(found.witness).argmax(1) != y)[reached].all()


@pytest.mark.parametrize("classes", [3, 4])
def test_stumps_of_more_classes_are_exact_too(classes: int) -> None:
    """Rival by rival: what each needs is separable."""
    draw = torch.Generator().manual_seed(classes)
    trees = []
    for one in stumps(classes, 40, 3).trees:
        value = torch.randn(3, classes, generator=draw, dtype=torch.float64)
        trees.append(dataclasses.replace(one, value=value))
    told = Trees(tuple(range(classes)), tuple(trees), torch.zeros(classes, dtype=torch.float64))
    x = torch.rand(8, 3, generator=draw)
    y = told.scores(x).argmax(1)
    found = TreesCertificate().prove(told, x, y, Threat(norm="linf", clip=CLIP), Effort(sizes=(0.1, 1.0)))
    for place, (one, label) in enumerate(zip(x, y.tolist(), strict=True)):
        ends = [[float(one[f]), *(float(t.threshold[0]) for t in trees if int(t.feature[0]) == f),
                 *(float(t.above[0]) for t in trees if int(t.feature[0]) == f)] for f in range(3)]  # fmt: skip
        inputs = torch.tensor(list(itertools.product(*ends)))
        wrong = inputs[told.scores(inputs).argmax(1) != label]
        distance = float((wrong.double() - one.double()).abs().amax(1).min())
        assert found.exact[place]
        np.testing.assert_allclose(float(found.radius[place]), distance, rtol=1e-9)


def test_a_forest_of_digits_is_decided(digits_train: tuple[np.ndarray, np.ndarray]) -> None:
    """25 trees of depth 8, two classes: at least 95 of 100 at every size, by count and not by the clock."""
    x, y = digits_train[0].reshape(len(digits_train[0]), -1), (digits_train[1] >= 5).astype(int)
    model = adapters.wrap(RandomForestClassifier(25, max_depth=8, random_state=0).fit(x[:900], y[:900]))
    shown = torch.from_numpy(np.array(x[900:960]))
    labels = model.predict(shown)
    sizes = (0.01, 0.02, 0.05, 0.1)
    found = TreesCertificate().prove(
        opened(model, 64), shown, labels, Threat(norm="linf", clip=CLIP), Effort(sizes=sizes)
    )
    apart = (found.witness - shown).abs().amax(1)
    fooled = model.predict(found.witness) != labels
    for size in sizes:
        decided = (found.radius >= size) | (fooled & (apart <= size))
        assert decided.double().mean() >= 0.95
    assert 0.05 < (found.radius >= 0.05).double().mean() < 0.95


def searched(told: Trees, x: Tensor, own: int, size: float, budget: int, merge: bool) -> Answer:
    boxes = Boxes(told, CLIP)
    wide = x.double().numpy()
    found = boxes.reached(wide[None], np.array([size]), "linf")
    whole = ball(boxes, found.leaf, own, 1 - own, 0.0, wide, size)
    whole = merged(whole) if merge else whole

    def wrong(point: np.ndarray) -> bool:
        moved = x.clone()
        moved[torch.from_numpy(whole.feature)] = torch.from_numpy(point)
        return int(told.scores(moved[None]).argmax()) != own

    search = Search(whole, -told.guard, x.numpy()[whole.feature], size, "linf", wrong, lambda point: not wrong(point))
    return search.run(budget, lambda: False)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), merge=st.booleans(), size=st.sampled_from([0.02, 0.1, 0.3]))
def test_the_search_ends_in_the_truth_merged_or_not(seed: int, merge: bool, size: float) -> None:
    model = fitted(seed, trees=5, depth=3, classes=2)
    x, y = examples(model, 3, 3, seed)
    for one, label in zip(x, y.tolist(), strict=True):
        answer = searched(opened(model, 3), one, label, size, 10**6, merge)
        truth = nearest(model, one, label, "linf", CLIP) > size
        assert answer.safe == truth
        assert (answer.point is None) == truth


def test_a_search_without_nodes_is_open() -> None:
    """Never safe: nor is one whose time is over."""
    model, open_ = fitted(3, 5, trees=20, depth=6, classes=2), 0
    x, y = examples(model, 5, 30, 3)
    told = opened(model, 5)
    for one, label in zip(x, y.tolist(), strict=True):
        answer = searched(told, one, label, 0.1, 0, merge=False)
        assert answer.point is None
        open_ += searched(told, one, label, 0.1, 10**6, merge=False).safe and not answer.safe
    assert open_ > 0


def test_merging_pairs_never_loosens_the_bound() -> None:
    model = fitted(5, trees=9, depth=4, classes=2)
    x, y = examples(model, 3, 20, 5)
    boxes, tighter = Boxes(opened(model, 3), CLIP), 0
    for one, own in zip(x.double().numpy(), y.tolist(), strict=True):
        found = boxes.reached(one[None], np.array([0.15]), "linf")
        whole = ball(boxes, found.leaf, own, 1 - own, 0.0, one, 0.15)
        few = merged(whole)
        assert few.most <= whole.most + 1e-12
        tighter += few.most < whole.most - 1e-9
    assert tighter > 5


def test_an_example_that_is_mislabelled_as_it_is_has_radius_0() -> None:
    """It is no error: behind a scaling, an input may come to be one by what is unknown of its own comparisons."""
    told = stumps(0, 6, 3)
    x = torch.rand(20, 3, generator=torch.Generator().manual_seed(0))
    wrong = 1 - told.scores(x).argmax(1)
    found = TreesCertificate().prove(told, x, wrong, Threat(norm="linf", clip=CLIP), Effort(sizes=(0.1, 0.3)))
    assert not found.radius.any()
    assert found.exact.all()
    assert torch.equal(told.scores(found.witness).argmax(1), 1 - wrong)
