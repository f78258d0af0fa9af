"""Several models as one: their rule, their gradient, their identity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from known_models import constant
from torch import Tensor, nn
from torch.nn import functional as F

import adapters
from adapters.base import Adapter
from adapters.errors import NotWrappable, Unsupported

X = torch.rand(20, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(20) % 3


def net(seed: int, **options: Any) -> Adapter:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return adapters.wrap(nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double().eval(), **options)


def mute(label: int, **options: Any) -> Adapter:
    return adapters.black_box(constant(label), version=str(label), **options)


def inputs() -> Tensor:
    return X.double()


def test_the_mean_of_probabilities() -> None:
    members = [net(seed) for seed in range(3)]
    whole = adapters.ensemble(members)
    outputs = whole.outputs(inputs())
    expected = sum(member.outputs(inputs()).probabilities for member in members) / 3  # type: ignore[operator]
    assert torch.allclose(outputs.probabilities, expected)
    assert torch.equal(outputs.labels, expected.argmax(1))
    assert torch.equal(outputs.labels, outputs.scores.argmax(1))
    assert (whole.gradient, whole.confidence_kind, whole.family) == ("exact", "softmax", "ensemble")


def test_its_gradient_is_that_of_the_mean() -> None:
    """The cross-entropy of the averaged probabilities, by the members' own logits."""
    members = [net(seed) for seed in range(3)]
    x = inputs().requires_grad_()
    mean = torch.stack([member.logits(x).softmax(1) for member in members]).mean(0)
    (expected,) = torch.autograd.grad(F.nll_loss(mean.log(), Y, reduction="sum"), x)
    assert torch.allclose(adapters.ensemble(members).input_gradient(inputs(), Y), expected, atol=1e-10)


def test_models_are_wrapped() -> None:
    whole = adapters.ensemble([nn.Linear(6, 3).eval(), nn.Linear(6, 3).eval()])
    assert whole.predict(X).shape == (20,)


def test_a_vote() -> None:
    whole = adapters.ensemble([mute(label, classes=[0, 1, 2]) for label in (2, 1, 2)])
    outputs = whole.outputs(X)
    assert outputs.labels.tolist() == [2] * 20
    assert outputs.scores.tolist() == [[0.0, 1.0, 2.0]] * 20
    assert outputs.probabilities[0].tolist() == pytest.approx([0, 1 / 3, 2 / 3])
    assert (whole.gradient, whole.confidence_kind) == ("none", "votes")
    with pytest.raises(Unsupported):
        whole.input_gradient(X, Y)


def test_a_tied_vote_goes_to_the_lowest_class_and_abstentions_do_not_vote() -> None:
    assert adapters.ensemble([mute(2), mute(1)]).predict(X).tolist() == [1] * 20
    assert adapters.ensemble([mute(-1), mute(2), mute(-1)]).predict(X).tolist() == [2] * 20
    assert adapters.ensemble([mute(-1), mute(-1)], rule="vote").predict(X).tolist() == [-1] * 20


def test_a_vote_of_networks_follows_a_stand_in() -> None:
    members = [net(seed) for seed in range(3)]
    whole = adapters.ensemble(members, rule="vote")
    votes = np.stack([member.predict(inputs()).numpy() for member in members])
    expected = [np.bincount(column, minlength=3).argmax() for column in votes.T]
    assert whole.predict(inputs()).tolist() == expected
    assert whole.gradient == "surrogate"
    gradient = whole.input_gradient(inputs(), Y)
    assert torch.allclose(gradient, adapters.ensemble(members, rule="mean").input_gradient(inputs(), Y))
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize(
    ("members", "rule", "says"),
    [
        ([], None, "at least one member"),
        ([net(0, classes=["a", "b", "c"]), net(1, classes=["b", "a", "c"])], None, "same classes in the same order"),
        ([net(0), mute(1)], "mean", "rule='mean' needs probabilities, which black box lacks; use rule='vote'"),
        ([net(0)], "median", "rule='median': use 'mean' or 'vote'"),
        ([3], None, "cannot wrap int"),
    ],
)
def test_what_is_no_ensemble(members: list[Any], rule: Any, says: str) -> None:
    with pytest.raises(NotWrappable, match=says.replace("'", ".")):
        adapters.ensemble(members, rule=rule)


def test_a_vote_of_functions_that_name_no_classes_gives_labels_only() -> None:
    """Scores over the labels of one batch would have another width in the next."""
    assert adapters.ensemble([mute(2), mute(1), mute(2)]).outputs(X).scores is None
    assert adapters.ensemble([net(0), mute(1)]).outputs(inputs()).scores.shape == (20, 3)  # type: ignore[union-attr]


def test_one_silent_member_makes_it_a_vote() -> None:
    assert adapters.ensemble([net(0), mute(1)]).confidence_kind == "votes"


def test_members_and_rule_are_its_identity() -> None:
    prints = [
        adapters.ensemble([net(0), net(1)]).fingerprint,
        adapters.ensemble([net(0), net(2)]).fingerprint,
        adapters.ensemble([net(0)]).fingerprint,
        adapters.ensemble([net(0), net(1)], rule="vote").fingerprint,
        net(0).fingerprint,
    ]
    assert len(set(prints)) == len(prints)
    assert adapters.ensemble([net(0), net(1)]).fingerprint == prints[0]


def test_what_its_members_say_of_themselves() -> None:
    shaky = mute(1, stochastic=True)
    unsure = adapters.black_box(constant(1))
    whole = adapters.ensemble([shaky, unsure, net(0, classes=[0, 1, 2])])
    assert whole.stochastic
    assert whole.notes == ["no-version"]
    assert whole.classes == (0, 1, 2)
