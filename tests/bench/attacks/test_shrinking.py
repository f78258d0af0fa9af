"""Perturbations come to lie in balls of a radius of their own; steps onto hyperplanes are the least in the range."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from bench.attacks.hyperplanes import least_step
from bench.attacks.shrinking import shrunk, unit
from bench.threats import NORMS, Threat


@settings(max_examples=60, deadline=None)
@given(norm=st.sampled_from(sorted(NORMS)), seed=st.integers(0, 999), features=st.integers(1, 20))
def test_each_example_comes_to_the_nearest_point_of_its_own_ball(norm: str, seed: int, features: int) -> None:
    """What one radius for all makes of it alone; what is inside stays, and so does one whose ball has no end."""
    generator = torch.Generator().manual_seed(seed)
    delta = torch.randn(6, features, generator=generator, dtype=torch.float64)
    sizes = torch.rand(6, generator=generator, dtype=torch.float64) * 3 + 1e-3
    sizes = sizes.ceil() if norm == "l0" else sizes
    sizes[-1] = torch.inf
    geometry = NORMS[norm]
    found = shrunk(geometry, delta, sizes)
    for row, size in enumerate(sizes[:-1].tolist()):
        alone = geometry.projected(delta[row : row + 1], size)
        torch.testing.assert_close(found[row : row + 1], alone, rtol=1e-9, atol=1e-12)
    assert torch.equal(found[-1], delta[-1])
    assert (geometry.lengths(found)[:-1] <= sizes[:-1] * (1 + 1e-9)).all()


def test_directions_have_length_one_or_none() -> None:
    values = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1e-30, 0.0], [1e30, 1e30]])
    torch.testing.assert_close(unit(values).norm(dim=1), torch.tensor([1.0, 0.0, 1.0, 1.0]))


@pytest.mark.parametrize("norm", ["linf", "l1"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_step_onto_a_hyperplane_is_the_linear_programmes(norm: str, sign: float) -> None:
    generator = np.random.default_rng(0)
    count, features = 25, 6
    x, slope = generator.random((count, features)), generator.normal(size=(count, features))
    gain = sign * generator.uniform(0.1, 3.0, size=count)
    length, step = least_step(Threat(norm=norm, clip=(0.0, 1.0)), *map(torch.tensor, (x, slope, gain)))
    reached = 0
    for row in range(count):
        # variables: step up, step down, and in L_inf the largest of all
        rest = int(norm == "linf")
        bounds = [*((0, 1 - value) for value in x[row]), *((0, value) for value in x[row]), *[(0, None)] * rest]
        cost = [0.0] * (2 * features) + [1.0] if rest else [1.0] * (2 * features)
        equal = np.concatenate([slope[row], -slope[row], [0.0] * rest])[None]
        above = np.hstack([np.eye(2 * features), -np.ones((2 * features, 1))]) if rest else None
        below = np.zeros(2 * features) if rest else None
        best = linprog(cost, A_ub=above, b_ub=below, A_eq=equal, b_eq=gain[row : row + 1], bounds=bounds)
        moved = x[row] + step[row].numpy()
        assert (moved >= -1e-12).all()
        assert (moved <= 1 + 1e-12).all()
        if best.status == 0:
            reached += 1
            assert float(length[row]) == pytest.approx(best.fun, rel=1e-7)
            assert slope[row] @ step[row].numpy() == pytest.approx(gain[row], rel=1e-7)
        else:  # as far as the range goes
            upwards = slope[row] * sign > 0
            np.testing.assert_allclose(moved, np.where(upwards, 1.0, 0.0), atol=1e-12)
    assert 5 < reached < count


def test_a_flat_slope_leads_nowhere() -> None:
    length, step = least_step(Threat(norm="l2"), torch.zeros(2, 3), torch.zeros(2, 3), torch.ones(2))
    assert length.isinf().all()
    assert not step.any()
