"""Losses of logits against their formulas, written out for single rows."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.rounding import margin_against
from bench.attacks.losses import RIVALLED, Climbed, climbed


@settings(deadline=None, max_examples=60)
@given(
    row=st.lists(st.floats(-20, 20, width=32), min_size=4, max_size=10, unique=True),
    y=st.integers(0, 3),
    step=st.integers(1, 3),
)
def test_each_loss_is_its_formula(row: list[float], y: int, step: int) -> None:
    t = (y + step) % 4
    z = sorted(row, reverse=True)
    lead = max(value for k, value in enumerate(row) if k != y) - row[y]
    expected = {
        "margin": lead,
        "cross_entropy": float(torch.tensor(row, dtype=torch.float64).logsumexp(0)) - row[y],
        "dlr": lead / (z[0] - z[2] + 1e-12),
        "targeted_margin": row[t] - row[y],
        "targeted_dlr": (row[t] - row[y]) / (z[0] - (z[2] + z[3]) / 2 + 1e-12),
    }
    assert set(expected) == set(get_args(Climbed))
    logits = torch.tensor([row], dtype=torch.float64)
    for kind, value in expected.items():
        found = climbed(kind, logits, torch.tensor([y]), torch.tensor([t]))  # type: ignore[arg-type]
        assert float(found) == pytest.approx(value, rel=1e-9, abs=1e-9)
    assert float(margin_against(logits, torch.tensor([y]))) == pytest.approx(lead)


@pytest.mark.parametrize("kind", ["dlr", "targeted_dlr"])
def test_shift_and_scale_of_the_logits_cancel_in_ratios(kind: Climbed) -> None:
    z = torch.randn(20, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y, t = torch.arange(20) % 10, (torch.arange(20) + 3) % 10
    assert torch.allclose(climbed(kind, z, y, t), climbed(kind, 1e4 * z - 7, y, t), rtol=1e-9)


@pytest.mark.parametrize("kind", ["dlr", "targeted_dlr"])
def test_classes_that_a_model_cannot_answer_are_no_part_of_a_ratio(kind: Climbed) -> None:
    z = torch.randn(20, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y, t = torch.arange(20) % 5, (torch.arange(20) + 3) % 5
    more = torch.cat([z, torch.full((20, 2), -1e4, dtype=torch.float64)], 1)
    assert torch.equal(climbed(kind, more, y, t, known=range(5)), climbed(kind, z, y, t))


@pytest.mark.parametrize("kind", ["dlr", "targeted_dlr"])
def test_of_two_classes_a_ratio_is_the_margin(kind: Climbed) -> None:
    z, y = torch.tensor([[1.0, 3.0], [2.0, -1.0]]), torch.tensor([0, 0])
    assert climbed(kind, z, y, 1 - y).tolist() == [2.0, -3.0]


@pytest.mark.parametrize("kind", RIVALLED)
def test_a_loss_of_a_rival_needs_one(kind: Climbed) -> None:
    with pytest.raises(ValueError, match=f"no loss '{kind}' without rivals"):
        climbed(kind, torch.zeros(1, 3), torch.tensor([0]))
