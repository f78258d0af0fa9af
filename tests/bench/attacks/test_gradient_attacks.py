"""What attacks along a gradient have in common: whose loss they climb, and towards which goal."""

from __future__ import annotations

import pytest
import torch
from crafting import UNIT, batch, crafted, curved, draws, linear, sizes
from known_models import Answering
from torch import nn

import adapters
from adapters.base import Outputs
from bench.attacks import make_attack
from bench.threats import NORMS, Norm, Threat


def test_the_predicted_label_in_place_of_the_true_one() -> None:
    x, y = batch(30)
    source = curved()
    predicted = source.predict(x)
    assert not torch.equal(predicted, y)
    budget = [Threat(norm="linf", eps=0.1)]
    (blind,) = crafted("fgsm", source, x, y, budget, label="predicted")
    (expected,) = crafted("fgsm", source, x, predicted, budget)
    assert torch.equal(blind, expected)


@pytest.mark.parametrize("name", ["fgsm", "iterated-fgsm"])
@pytest.mark.parametrize("norm", NORMS)
def test_a_zero_gradient_moves_nothing(name: str, norm: Norm) -> None:
    """Nothing to offer is x itself: the judge counts it as not moved."""
    flat = adapters.wrap(nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).eval())
    with torch.no_grad():
        for parameter in flat.module.parameters():  # type: ignore[attr-defined]
            parameter.zero_()
    x, y = batch()
    with torch.no_grad():
        flat.module[1].bias += 1  # type: ignore[attr-defined]
    (candidate,) = crafted(name, flat, x, y, [Threat(norm=norm, eps=eps, clip=UNIT) for eps in sizes(norm, [0.1])])
    assert torch.equal(candidate, x)


# -- targeted ---------------------------------------------------------------------------------------------------------


def answering(labels: list[int], logits: list[list[float]]) -> Answering:
    scores = torch.tensor(logits)
    double = Answering(lambda x: Outputs(torch.tensor(labels), scores, None))
    double.gradient = "exact"
    double._logits = lambda x: scores  # type: ignore[method-assign]
    return double


LOGITS = [[3.0, 1.0, 2.0], [0.0, 2.0, 1.0], [1.0, 0.0, 2.0], [2.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    ("target", "true", "goals"),
    [
        ("next", [0, 1, 2, 1], [1, 2, 0, 2]),
        ("next", [2, 1, 1, 2], [0, 2, 2, 0]),  # taken for the next class already, which success is conditioned on
        ("least-likely", [0, 1, 2, 0], [1, 0, 1, 2]),
        ("least-likely", [1, 0, 1, 2], [-1, -1, -1, -1]),  # of that class already
    ],
)
def test_goals_leave_out_what_would_be_a_success_of_nothing(target: str, true: list[int], goals: list[int]) -> None:
    source = answering([0, 1, 2, 0], LOGITS)
    attack = make_attack("fgsm", {"target": target})
    assert attack.goals(source, torch.zeros(4, 2), torch.tensor(true), draws(range(4))).tolist() == goals  # type: ignore[union-attr]
    assert attack.criterion.kind == "targeted"


def test_random_goals_are_never_the_true_class_and_the_same_for_every_model() -> None:
    x, y = batch(200)
    attack = make_attack("fgsm", {"target": "random"})
    first, second = (attack.goals(source, x, y, draws(range(200))) for source in (curved(), linear()))
    assert first is not None
    assert second is not None
    assert not (first == y).any()
    both = (first >= 0) & (second >= 0)
    assert both.sum() > 50
    assert torch.equal(first[both], second[both])


def test_a_targeted_step_goes_down_the_loss_of_the_goal() -> None:
    x, y = batch(30)
    source = linear()
    attack = make_attack("fgsm", {"target": "next"})
    goals = attack.goals(source, x, y, draws(range(30)))
    assert goals is not None
    (candidate,) = attack.craft(source, x, y, goals, [Threat(norm="linf", eps=0.2)], draws(range(30)))
    kept = goals >= 0
    before, after = (source.loss(points[kept], goals[kept]) for points in (x, candidate))
    assert (after < before).all()
