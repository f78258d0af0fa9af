"""Minimum-norm attacks read labels off the logits of their gradients, where these decide, and ask no more for them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from crafting import FEWER, UNIT, crafted, curved, right
from torch import nn

import adapters
from bench import registry
from bench.attacks import attack_class
from bench.attacks.nearest import QUESTIONS, MinimumNorm, Nearest
from bench.running.metered import Metered
from bench.threats import Threat

NAMES = [name for name in registry.names("attack") if issubclass(attack_class(name), MinimumNorm)]
PAIRS = [(name, norm) for name in NAMES for norm in attack_class(name).norms]


def test_the_label_that_the_logits_of_a_gradient_tell_is_not_asked_for() -> None:
    """One question at the start, one at the end, and those on the way back from the success."""
    source = Metered(curved())
    x, y = right(source)
    source.costs()
    crafted("fmn", source, x, y, [Threat(norm="l2", clip=UNIT)], steps=60)
    costs = source.costs()
    assert (costs.gradients, costs.forwards) == (60 * len(x), 0)
    assert costs.queries <= (2 + QUESTIONS) * len(x)


@pytest.mark.parametrize(("name", "norm"), PAIRS)
def test_what_is_found_is_the_same_whether_logits_tell_labels_or_these_are_asked_for(name: str, norm: str) -> None:
    told, asked = curved(), Asked(curved())
    x, y = right(told, 12)
    threat = Threat(norm=norm, clip=UNIT)
    (one,), (other,) = (crafted(name, source, x, y, [threat], **FEWER.get(name, {})) for source in (told, asked))
    assert torch.equal(one, other)
    assert not torch.equal(one, x)


class Asked(Metered):
    """A model of which nobody knows that its logits decide."""

    @property
    def logits_decide(self) -> bool:
        return False


def test_two_logits_that_are_equal_leave_the_label_to_the_model() -> None:
    """Of equal ones the first wins: class 0 stays at .5, where class 1 comes level, and class 1 leaves there."""
    net = nn.Linear(1, 2)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[0.0], [1.0]]))
        net.bias.copy_(torch.tensor([0.5, 0.0]))
    source = adapters.wrap(net.eval())
    source.predict(torch.zeros(2, 1))  # finds out what its outputs are
    level, x = torch.full((2, 1), 0.5), torch.tensor([[0.25], [0.75]])
    near = Nearest.begun(source, x, torch.tensor([0, 1]), Threat(norm="l2"), None)
    assert source.logits_decide
    assert near.look(torch.arange(2), level).hit.tolist() == [False, True]
    assert near.distance.tolist() == [np.inf, 0.25]
