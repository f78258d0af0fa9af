"""Which generated inputs a tally counts as successes, and for which kinds of confidence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from handmade import cell, model

from adapters.base import Outputs
from bench.attacks import make_attack
from bench.records.record import AttackId, Result, Slice
from bench.running.judge import Audit
from bench.running.tally import Tally, joined
from bench.threats import Criterion

FOOLING = AttackId(name="fooling", revision=1, parameters=make_attack("fooling", {}).model_dump(mode="json"))
SURE = Criterion(kind="targeted", threshold=0.5)


def judged(kind: str | None, criterion: Criterion = SURE) -> Result:
    """Five images: the goal with 0.8; with just 0.5; another class; the goal but not sure; and one more of 0.9."""
    asked = cell(
        model("m", confidence_kind=kind),
        source=model("m"),
        attack=FOOLING,
        part=Slice(split=None, stop=5, of=5),
        criterion=criterion,
    )
    probabilities = torch.tensor(
        [[0.8, 0.1, 0.1], [0.25, 0.5, 0.25], [0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.05, 0.05, 0.9]], dtype=torch.float64
    )
    tally = Tally(asked, 5)
    goals, labels = np.array([0, 1, 1, 2, 2]), probabilities.argmax(1)
    tally.begin(np.full(5, -1), goals, Audit(None, 0))
    tally.add(np.arange(5), Outputs(labels, probabilities, probabilities))
    return joined([tally.part(None, None, 0.0)], 3)


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_success_is_the_goal_class_with_confidence(kind: str) -> None:
    found = judged(kind)
    assert (found.n, found.successes, found.errors, found.success_classes) == (5, 2, None, (1, 0, 1))
    assert found.confidence_on_mistakes == pytest.approx((0.8 + 0.9) / 2)
    assert found.goal.tolist() == [0, 1, 1, 2, 2]


@pytest.mark.parametrize("kind", ["votes", "leaf fraction", None])
def test_confidence_of_another_kind_is_not_compared(kind: str | None) -> None:
    found = judged(kind)
    assert (found.successes, found.success_classes) == (None, None)


@pytest.mark.parametrize("kind", ["softmax", "votes", None])
def test_without_a_threshold_the_goal_class_is_enough(kind: str | None) -> None:
    found = judged(kind, Criterion(kind="targeted"))
    assert (found.successes, found.success_classes) == (4, (1, 1, 2))


@pytest.mark.parametrize("threshold", [0.5, None])
def test_the_criterion_of_rubbish_takes_any_class(threshold: float | None) -> None:
    found = judged("softmax", Criterion(kind="confident", threshold=threshold))
    assert (found.successes, found.success_classes) == (3, (2, 0, 1))
