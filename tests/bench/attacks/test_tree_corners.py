"""Coordinate ascent on trees: exact of one tree, near the truth of many, and of no other model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from crafting import UNIT, crafted, curved, draws
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor

import adapters
from adapters.base import Adapter
from adapters.errors import Unsupported
from bench.attacks import make_attack
from bench.attacks.base import Certified
from bench.threats import Threat

THREAT = Threat(norm="linf", clip=UNIT)


def digits(kind: object, train: tuple[np.ndarray, np.ndarray]) -> Adapter:
    return adapters.wrap(kind.fit(train[0].reshape(len(train[0]), -1), train[1]))  # type: ignore[attr-defined]


def distances(x: Tensor, moved: Tensor) -> Tensor:
    return (moved.double() - x.double()).flatten(1).abs().amax(1)


def proved(model: Adapter, x: Tensor, y: Tensor) -> Certified:
    (found,) = make_attack("worst-case", {}).craft(model, x, y, None, [THREAT], draws(range(len(x)), 64))
    assert isinstance(found, Certified)
    return found


@pytest.mark.parametrize(("kind", "share"), [
    (DecisionTreeClassifier(random_state=0), 1.0),
    (RandomForestClassifier(20, max_depth=8, random_state=0), 0.6),
    (GradientBoostingClassifier(n_estimators=5, random_state=0), 0.6),
])  # fmt: skip
def test_no_nearer_than_the_truth_and_mostly_there(
    kind: object, share: float, digits_train: tuple[np.ndarray, np.ndarray], digits_test: tuple[Tensor, Tensor]
) -> None:
    """The truth is the certificate's: of a single tree all are as near, of sums a stated share."""
    model, x = digits(kind, digits_train), digits_test[0][:40].flatten(1)
    y = model.predict(x)
    (found,) = crafted("tree-corners", model, x, y, [THREAT])
    assert (model.predict(found) != y).all()
    radius = proved(model, x, y).radius
    apart = distances(x, found)
    assert (apart > radius).all()
    assert (apart <= radius * 1.0001 + 1e-6).double().mean() >= share


def test_it_beats_the_gradient_of_relaxed_splits(
    digits_train: tuple[np.ndarray, np.ndarray], digits_test: tuple[Tensor, Tensor]
) -> None:
    model = digits(RandomForestClassifier(20, random_state=0), digits_train)
    x = digits_test[0][:60].flatten(1)
    y = model.predict(x)
    (found,) = crafted("tree-corners", model, x, y, [THREAT])
    at = [Threat(norm="linf", eps=eps, clip=UNIT) for eps in (0.05, 0.1)]
    for budget, climbed in zip(at, crafted("fgsm", model, x, y, at), strict=True):
        ours, theirs = distances(x, found) <= budget.size, model.predict(climbed) != y
        assert ours.sum() > theirs.sum()


def test_what_is_mislabelled_or_has_no_rival_stays_as_it_is() -> None:
    x = torch.tensor([[0.2, 0.1], [0.8, 0.3]])
    one = adapters.wrap(DecisionTreeClassifier(min_samples_leaf=2).fit(x.numpy(), [0, 1]))
    (found,) = crafted("tree-corners", one, x, torch.tensor([0, 1]), [THREAT], draws(range(2), 2))
    assert torch.equal(found, x)


@pytest.mark.parametrize(("model", "why"), [
    ("linear", "attacks sums of trees, and the model is linear"), ("net", "nothing is known to be proved"),
])  # fmt: skip
def test_other_models_say_why(model: str, why: str) -> None:
    x, y = torch.rand(4, 12), torch.arange(4)
    other = adapters.wrap(LogisticRegression().fit(x.numpy(), y.numpy())) if model == "linear" else curved()
    with pytest.raises(Unsupported, match=why):
        crafted("tree-corners", other, x, y, [THREAT])
