"""Trees of every make, opened: their labels are the estimator's own, ties included, and they travel."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from boosted import INSTALLED, quiet, settings
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from torch import Tensor

import adapters
from adapters.base import Adapter
from adapters.errors import InvalidOutput, Unsupported
from adapters.structures import Trees, wire
from adapters.structures.trees import Tree

pytestmark = quiet


def different() -> list[tuple[str, Any]]:
    """Trees of several depths."""
    return [(str(depth), DecisionTreeClassifier(max_depth=depth, random_state=0)) for depth in (3, 5, 8)]


PLAIN: dict[str, Callable[[], Any]] = {
    "tree": lambda: DecisionTreeClassifier(max_depth=7, random_state=0),
    "extra tree": lambda: ExtraTreeClassifier(random_state=0),
    "forest of votes": lambda: RandomForestClassifier(10, random_state=0),
    "forest": lambda: RandomForestClassifier(10, max_depth=5, random_state=0),
    "extra trees": lambda: ExtraTreesClassifier(7, max_leaf_nodes=40, random_state=0),
    "gradient boosting": lambda: GradientBoostingClassifier(n_estimators=4, random_state=0),
    "from zero": lambda: GradientBoostingClassifier(n_estimators=4, init="zero", random_state=0),
    "histograms": lambda: HistGradientBoostingClassifier(max_iter=4),
    "adaboost": lambda: AdaBoostClassifier(n_estimators=9, random_state=0),
    "bagging": lambda: BaggingClassifier(n_estimators=9, max_features=0.5, random_state=0),
    "few of some classes": lambda: BaggingClassifier(DecisionTreeClassifier(max_depth=3), 7, max_samples=12),
    "counted votes": lambda: VotingClassifier(different(), weights=[2, 1, 1.5]),
    "averaged": lambda: VotingClassifier(different(), voting="soft", weights=[2, 1, 1.5]),
    "adaboost of trees": lambda: AdaBoostClassifier(
        DecisionTreeClassifier(max_depth=3), n_estimators=5, random_state=0
    ),
    **{library: lambda library=library: settings(library) for library in INSTALLED},  # type: ignore[misc]
}
SCALED: dict[str, Callable[[], Any]] = {
    "standard": lambda: make_pipeline(StandardScaler(), RandomForestClassifier(10, random_state=0)),
    "minmax": lambda: make_pipeline(MinMaxScaler((-3, 2)), HistGradientBoostingClassifier(max_iter=4)),
    "twice": lambda: make_pipeline(StandardScaler(), RobustScaler(), GradientBoostingClassifier(n_estimators=4)),
}


def fitted(make: Callable[[], Any], classes: int, digits_train: tuple[np.ndarray, np.ndarray]) -> Adapter:
    x, y = digits_train[0].reshape(len(digits_train[0]), -1)[:500], digits_train[1][:500]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return adapters.wrap(make().fit(x, y if classes == 10 else y % 2))


def points(digits_test: tuple[Tensor, Tensor]) -> Tensor:
    x = digits_test[0][:200].flatten(1)
    noise = torch.rand(200, 64, generator=torch.Generator().manual_seed(0))
    return torch.cat([x, noise, 40 * noise - 20, torch.zeros(1, 64)])


def opened(model: Adapter) -> Trees:
    told = model.structure((64,))
    assert isinstance(told, Trees)
    return told


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("name", PLAIN)
def test_labels_are_the_estimators_own(
    name: str, classes: int, digits_train: tuple[np.ndarray, np.ndarray], digits_test: tuple[Tensor, Tensor]
) -> None:
    """Ties included, wherever the model adds in float64 in an order that is known: most votes of ten trees are some."""
    model, x = fitted(PLAIN[name], classes, digits_train), points(digits_test)
    told = opened(model)
    scores = told.scores(x)
    labels = torch.tensor(told.classes)[scores.argmax(1)]
    top = scores.topk(2, dim=1).values
    sure = top[:, 0] - top[:, 1] > told.roundoff(x)
    assert sure.double().mean() > 0.7
    assert torch.equal(labels[sure], model.reference_predict(x)[sure])
    assert told.is_plain
    if told.off == 0:
        assert torch.equal(labels, model.reference_predict(x))
    assert told.guard >= told.off


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("name", SCALED)
def test_a_scaling_leaves_open_what_rounding_decides(
    name: str, classes: int, digits_train: tuple[np.ndarray, np.ndarray], digits_test: tuple[Tensor, Tensor]
) -> None:
    """Between a threshold and what is above nothing is known; beside them labels are the pipeline's own."""
    model, x = fitted(SCALED[name], classes, digits_train), points(digits_test)
    told = opened(model)
    assert not told.is_plain
    generator = torch.Generator().manual_seed(1)
    splits = [(int(f), tree.threshold[i], tree.above[i]) for tree in told.trees
              for i, f in enumerate(tree.feature) if tree.left[i] >= 0]  # fmt: skip
    for row in range(len(x)):  # onto the very edges
        for place in torch.randint(len(splits), (8,), generator=generator).tolist():
            feature, below, above = splits[place]
            x[row, feature] = above if torch.rand((), generator=generator) < 0.5 else below
    scores, known = told.told(x)
    labels = torch.tensor(told.classes)[scores.argmax(1)]
    top = scores.topk(2, dim=1).values
    sure = top[:, 0] - top[:, 1] > told.roundoff(x)
    assert known.double().mean() > 0.8
    assert not sure[~known].any()
    assert torch.equal(labels[sure], model.reference_predict(x)[sure])
    feature, below, above = splits[0]
    if torch.nextafter(below, above) < above:
        x[:, feature] = torch.nextafter(below, above)
        assert not told.told(x)[1].all()


@pytest.mark.parametrize(("slope", "offset"), [(3.0, 0.1), (-2.0, 0.7), (0.0, 0.9), (0.0, 0.1)])
def test_a_scaled_tree_is_the_tree_of_scaled_inputs(slope: float, offset: float) -> None:
    """Where the slope is negative its sides change places; where it is 0, one side is all there is."""
    x = np.random.default_rng(0).random((200, 3)).astype(np.float32)
    model = adapters.wrap(DecisionTreeClassifier(max_depth=5).fit(x, (8 * x.sum(1)).astype(int) % 3))
    told = model.structure((3,))
    slopes = torch.tensor([slope, 1.0, slope], dtype=torch.float64)
    offsets = torch.tensor([offset, 0.0, offset], dtype=torch.float64)
    shown = torch.from_numpy(x)
    scaled = told.scaled(slopes, offsets)
    inputs = (shown.double() * slopes + offsets).float()
    sure = scaled.roundoff(shown) == 0
    assert sure.double().mean() > 0.95
    assert torch.equal(scaled.scores(shown)[sure], told.scores(inputs)[sure])


def test_thresholds_that_a_scaling_cannot_tell_apart_stay_different_and_in_order() -> None:
    """An input between them goes right of one and left of the other, whatever the model makes of it."""
    x = torch.tensor([1.0, 1.0001, 1.0002, 1.0003])[:, None]
    told = adapters.wrap(DecisionTreeClassifier().fit(x.numpy(), [0, 1, 0, 1])).structure((1,))
    assert isinstance(told, Trees)
    one = torch.ones(1, dtype=torch.float64)
    for slope in (1.0, -1.0):
        (tree,) = told.scaled(slope * one, 1e4 * one).trees  # float32 numbers near 1e4 are .001 apart
        inner = tree.left >= 0
        below, above = tree.threshold[inner].sort().values, tree.above[inner].sort().values
        old = told.trees[0].threshold[inner]
        assert torch.equal(old.argsort(), (slope * tree.threshold[inner]).argsort())
        assert (below.diff() > 0).all()
        assert (above.diff() > 0).all()
        assert (tree.above - tree.threshold)[inner].min() > 1e-3


def test_a_constant_on_a_threshold_is_refused() -> None:
    x = np.array([[1.0], [2.0]], dtype=np.float32)
    told = adapters.wrap(DecisionTreeClassifier().fit(x, [0, 1])).structure((1,))
    with pytest.raises(Unsupported, match="just one of their thresholds"):
        told.scaled(torch.zeros(1, dtype=torch.float64), torch.full((1,), 1.5, dtype=torch.float64))


def test_splits_by_category_are_refused() -> None:
    draw = np.random.default_rng(0)
    x = draw.integers(0, 5, (200, 2)).astype(float)
    made = HistGradientBoostingClassifier(max_iter=3, categorical_features=[0], min_samples_leaf=2)
    model = adapters.wrap(made.fit(x, np.isin(x[:, 0], [0, 3]).astype(int)))
    with pytest.raises(Unsupported, match="split by categories"):
        model.structure((2,))


@pytest.mark.skipif("lightgbm" not in INSTALLED, reason="lightgbm is not installed")
def test_boosting_one_against_the_rest_is_refused(digits_train: tuple[np.ndarray, np.ndarray]) -> None:
    model = fitted(lambda: settings("lightgbm", objective="multiclassova"), 10, digits_train)
    with pytest.raises(Unsupported, match="one against the rest"):
        model.structure((64,))


@pytest.mark.skipif("lightgbm" not in INSTALLED, reason="lightgbm is not installed")
@pytest.mark.parametrize("threshold", [0.0, 5e-36, -5e-36, float(np.float32(1e-35)), -float(np.float32(1e-35))])
def test_tiny_inputs_are_zero_to_lightgbm(threshold: float) -> None:
    """Whatever the threshold beside zero: no tiny input goes another way than the model's own."""
    x = np.linspace(-1, 1, 200)[:, None]
    model = adapters.wrap(settings("lightgbm", n_estimators=2).fit(x, (x[:, 0] > 0).astype(int)))
    nodes = model._constants  # type: ignore[attr-defined]
    is_split = nodes["left"] != torch.arange(len(nodes["left"]))
    nodes["threshold"][nodes["threshold"].abs().masked_fill(~is_split, torch.inf).argmin()] = threshold
    edges = torch.tensor([0.0, 1e-36, 4e-36, 6e-36, 1e-35, 1.1e-35, 2e-35], dtype=torch.float32)
    beside = torch.cat([edges, -edges, *(torch.nextafter(each, torch.tensor(end)) for each in (edges, -edges)
                                         for end in (torch.inf, -torch.inf))])[:, None]  # fmt: skip
    told, walked = opened(model).scores(beside), model._walked(beside.double())  # type: ignore[attr-defined]
    assert len(walked.unique()) > 1
    torch.testing.assert_close(told[:, 1] - told[:, 0], walked[:, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["forest", "gradient boosting", "averaged"])
def test_they_travel(
    kind: str, digits_train: tuple[np.ndarray, np.ndarray], digits_test: tuple[Tensor, Tensor]
) -> None:
    here = opened(fitted(PLAIN[kind], 10, digits_train))
    there = wire.unpacked(*wire.packed(here))
    assert isinstance(there, Trees)
    assert torch.equal(here.scores(points(digits_test)), there.scores(points(digits_test)))


def leaf(**others: Any) -> Tree:
    one = torch.zeros(3, dtype=torch.int64)
    fields = {
        "left": torch.tensor([1, -1, -1]), "right": torch.tensor([2, -1, -1]), "feature": one,
        "threshold": torch.zeros(3), "value": torch.ones(3, 2, dtype=torch.float64),
    }  # fmt: skip
    return dataclasses.replace(Tree.plain(**fields), **others)


@pytest.mark.parametrize(("others", "why"), [
    ({"left": torch.tensor([0, -1, -1])}, "a node lies above itself"),
    ({"right": torch.tensor([7, -1, -1])}, "its child nowhere"),
    ({"feature": torch.tensor([-4, 0, 0])}, "a feature is none"),
    ({"above": torch.full((3,), -1.0)}, "beyond what goes right"),
    ({"threshold": torch.zeros(3, dtype=torch.float64)}, "its threshold is not float32"),
    ({"value": torch.full((3, 2), torch.inf, dtype=torch.float64)}, "a value not finite"),
])  # fmt: skip
def test_a_tree_that_makes_no_sense_is_refused(others: dict[str, Tensor], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        leaf(**others)
    whole = Trees((0, 1), (leaf(),), torch.zeros(2, dtype=torch.float64))
    tensors, plain = wire.packed(whole)
    (name,) = others
    told = plain["fields"]["fields"]["trees"][0]["fields"][name]["tensor"]
    with pytest.raises(InvalidOutput, match=why):
        wire.unpacked({**tensors, told: others[name]}, plain)
