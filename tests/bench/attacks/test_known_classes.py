"""Goals of targeted attacks are classes that the source can answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from crafting import draws
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import adapters
from adapters.aligned import align
from adapters.base import Adapter
from adapters.errors import Unsupported
from bench.attacks import make_attack
from bench.running.metered import Metered

NAMES = tuple("0123456789")
N = 300
X = torch.rand(N, 3, generator=torch.Generator().manual_seed(0))
Y = torch.randint(10, (N,), generator=torch.Generator().manual_seed(1))


def model(known: Sequence[int]) -> Adapter:
    """Seen through ten classes, as a run sees it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Linear(3, len(known)).eval()
    return Metered(align(adapters.wrap(net, classes=list(known)), NAMES))


def goals(target: str, source: Adapter, y: Tensor = Y) -> Tensor:
    found = make_attack("fgsm", {"target": target}).goals(source, X[: len(y)], y, draws(range(len(y))))
    assert found is not None
    return found


some = st.lists(st.integers(0, 9), min_size=2, max_size=10, unique=True)


@settings(max_examples=40, deadline=None)
@given(known=some, target=st.sampled_from(["next", "random", "least-likely"]))
def test_every_goal_is_a_class_that_the_model_has_and_not_the_true_one(known: list[int], target: str) -> None:
    found = goals(target, model(known))
    asked = found >= 0
    assert set(found[asked].tolist()) <= set(known)
    assert not (found == Y)[asked].any()
    if target != "least-likely":
        assert asked.all()


@given(known=some)
@settings(max_examples=30, deadline=None)
def test_next_is_the_next_that_it_knows(known: list[int]) -> None:
    order = sorted(known)
    expected = [next((k for k in order if k > y), order[0]) for y in Y.tolist()]
    assert goals("next", model(known)).tolist() == [
        -1 if goal == y else goal for goal, y in zip(expected, Y.tolist(), strict=True)
    ]


def test_random_goals_are_equally_likely() -> None:
    y = torch.tensor([3, 8]).repeat(150)
    found = goals("random", model([1, 3, 5, 7]), y)
    for true, others in ((3, {1, 5, 7}), (8, {1, 3, 5, 7})):
        counts = np.bincount(found[y == true], minlength=10)
        assert set(np.flatnonzero(counts)) == others
        assert counts[sorted(others)].min() > 150 / len(others) / 2


@pytest.mark.parametrize("target", ["next", "random", "least-likely"])
def test_a_model_of_all_classes_is_set_what_it_always_was(target: str) -> None:
    source = model(range(10))
    logits = source.logits(X).detach()
    expected = {
        "next": (Y + 1) % 10,
        "random": torch.from_numpy(draws(range(N)).classes(Y.numpy(), 10)),
        "least-likely": logits.argmin(1),
    }[target]
    assert source.known_classes is None
    assert torch.equal(goals(target, source), expected.masked_fill(expected == Y, -1))


def test_fooling_images_are_of_classes_that_the_model_has() -> None:
    source, nobody = model([2, 4, 9]), torch.full((6,), -1)
    found = make_attack("fooling", {}).goals(source, X[:6], nobody, draws(range(6)))
    assert found is not None
    assert found.tolist() == [2, 4, 9, 2, 4, 9]
    with pytest.raises(Unsupported, match="the model is of classes 2, 4, 9, and cannot answer 8"):
        make_attack("fooling", {"target": 8}).goals(source, X[:6], nobody, draws(range(6)))


def test_an_ensemble_knows_what_one_of_its_members_does() -> None:
    def member(known: list[int]) -> Adapter:
        return align(adapters.wrap(nn.Linear(3, len(known)).eval(), classes=known), NAMES)

    assert adapters.ensemble([member([0, 1]), member([1, 7])]).known_classes == (0, 1, 7)
    assert adapters.ensemble([member([0, 1]), member(list(range(10)))]).known_classes is None
