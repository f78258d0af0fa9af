"""JSMA changes the pair that algorithm 3 of the paper names, and none that cannot change."""

from __future__ import annotations

import pytest
import torch
from crafting import UNIT, crafted
from torch import nn

import adapters
from bench.attacks.jsma import salient
from bench.threats import Threat


@pytest.mark.parametrize("features", [2, 3, 7, 30])
@pytest.mark.parametrize("rounded", [False, True], ids=["apart", "ties"])
def test_the_salient_pair_is_the_best_of_all_pairs(features: int, rounded: bool) -> None:
    generator = torch.Generator().manual_seed(features)
    own, others = (torch.randn(60, features, generator=generator) for _ in range(2))
    if rounded:
        own, others = own.round(), others.round()
    open_ = torch.rand(60, features, generator=generator) < 0.8
    pair, found = salient(own, others, open_)
    gains, costs = own[:, :, None] + own[:, None], others[:, :, None] + others[:, None]
    allowed = (gains > 0) & (costs < 0) & open_[:, :, None] & open_[:, None] & ~torch.eye(features).bool()
    worth = (-gains * costs).masked_fill(~allowed, 0)
    best = worth.flatten(1).amax(1)
    assert torch.equal(found, best > 0)
    assert found.sum() > 2
    rows = torch.arange(60)
    torch.testing.assert_close(worth[rows, pair[:, 0], pair[:, 1]][found], best[found])


def test_pairs_are_raised_until_the_class_is_reached_or_too_many_would_change() -> None:
    """Class 1 gains 4, 3, 2, 1 by features 0 to 3 and class 0 loses 1 by each; 8.5 are needed, so all four are."""
    net = nn.Linear(5, 2).eval()
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[-1.0, -1.0, -1.0, -1.0, 0.0], [4.0, 3.0, 2.0, 1.0, 0.0]]))
        net.bias.copy_(torch.tensor([12.5, 0.0]))
    source, x, y = adapters.wrap(net), torch.zeros(1, 5), torch.tensor([0])
    (found,) = crafted("jsma", source, x, y, [Threat(norm="l0", clip=UNIT)], share=0.8)
    assert found.tolist() == [[1.0, 1.0, 1.0, 1.0, 0.0]]
    (none,) = crafted("jsma", source, x, y, [Threat(norm="l0", clip=UNIT)], share=0.5)
    assert torch.equal(none, x)
    (lowered,) = crafted("jsma", source, x + 1, y + 1, [Threat(norm="l0", clip=UNIT)], share=0.8, theta=-1.0)
    assert source.predict(lowered).tolist() == [0]
    assert lowered.min() == 0
