"""Noise and rubbish are everybody's: by the example and the draw alone, and of a known distribution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from crafting import batch, budgets_of, crafted, draws

from bench.threats import Threat

RANDOM = ["uniform-noise", "sign-noise", "gaussian-rubbish"]


@pytest.mark.parametrize("name", RANDOM)
def test_random_candidates_do_not_depend_on_batch_or_order(name: str) -> None:
    x, y = batch(6)
    order = [4, 1, 5]
    for budgets in budgets_of(name, False, [0.1]):
        (whole,) = crafted(name, None, x, y, budgets, draws(range(6)))
        (part,) = crafted(name, None, x[order], y[order], budgets, draws(order))
        assert torch.equal(part, whole[order])


@pytest.mark.parametrize("name", RANDOM)
def test_another_draw_is_other_noise(name: str) -> None:
    x, y = batch(6)
    for budgets in budgets_of(name, False, [0.1]):
        (first,), (second,) = (crafted(name, None, x, y, budgets, draw=number) for number in (0, 1))
        assert not torch.equal(first, second)


@pytest.mark.parametrize("name", ["uniform-noise", "sign-noise"])
def test_noise_is_one_pattern_for_all_sizes(name: str) -> None:
    x, y = torch.zeros(4, 3, 2, 2), torch.zeros(4, dtype=torch.int64)
    small, large = crafted(name, None, x, y, [Threat(norm="linf", eps=eps) for eps in (0.1, 0.2)])
    assert torch.allclose(large, 2 * small, atol=1e-7)


def test_sign_noise_takes_every_feature_to_the_edge() -> None:
    x, y = torch.zeros(200, 12), torch.zeros(200, dtype=torch.int64)
    (noise,) = crafted("sign-noise", None, x, y, [Threat(norm="linf", eps=0.25)])
    assert set(noise.unique().tolist()) == {-0.25, 0.25}
    assert abs(float((noise > 0).double().mean()) - 0.5) < 0.04


def test_uniform_noise_fills_the_ball() -> None:
    x, y = torch.zeros(200, 12), torch.zeros(200, dtype=torch.int64)
    (noise,) = crafted("uniform-noise", None, x, y, [Threat(norm="linf", eps=1.0)])
    assert float(noise.std()) == pytest.approx(1 / np.sqrt(3), abs=0.02)


def test_gaussian_rubbish_is_standard_normal_and_never_clipped() -> None:
    x, y = torch.zeros(200, 64), torch.full((200,), -1)
    (noise,) = crafted("gaussian-rubbish", None, x, y, [Threat()])
    assert float(noise.mean()) == pytest.approx(0, abs=0.03)
    assert float(noise.std()) == pytest.approx(1, abs=0.03)
    assert float(noise.min()) < -2
