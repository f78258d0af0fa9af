"""Iterated FGSM beside FGSM."""

from __future__ import annotations

import pytest
import torch
from crafting import UNIT, batch, crafted, curved, linear

from bench.threats import Threat


@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
def test_iterated_fgsm_does_no_worse_than_fgsm_on_a_linear_model(loss: str) -> None:
    """Of two classes: its gradient has one direction everywhere, so both end at the same corner."""
    x, y = batch(50)
    y = y % 2
    source = linear(classes=2)
    budget = [Threat(norm="linf", eps=0.2, clip=UNIT)]
    (once,) = crafted("fgsm", source, x, y, budget, loss=loss)
    (often,) = crafted("iterated-fgsm", source, x, y, budget, loss=loss)
    assert (source.loss(often, y, "margin") >= source.loss(once, y, "margin") - 1e-5).all()
    assert torch.allclose(once, often, atol=1e-6)


def test_iterated_fgsm_climbs_higher_on_a_curved_one() -> None:
    x, y = batch(50)
    source = curved()
    for norm, eps in (("linf", 0.5), ("l2", 1.5), ("l1", 4.0), ("l0", 4.0)):
        budget = [Threat(norm=norm, eps=eps)]
        (once,) = crafted("fgsm", source, x, y, budget)
        (often,) = crafted("iterated-fgsm", source, x, y, budget)
        assert source.loss(often, y).mean() > source.loss(once, y).mean() + 1e-3


def test_a_single_step_of_full_length_is_fgsm() -> None:
    x, y = batch()
    source = curved()
    budget = [Threat(norm="linf", eps=0.125, clip=UNIT)]
    (once,) = crafted("fgsm", source, x, y, budget)
    (iterated,) = crafted("iterated-fgsm", source, x, y, budget, steps=1, step_ratio=1.0)
    assert torch.allclose(once, iterated, atol=1e-7)
