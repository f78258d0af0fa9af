"""Kernel functions stay between their quadratics, and quadratics above their lower bounds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from proving import kernel_votes

from bench.exact.curves import bends, values
from bench.exact.quadratics import least_in_ball, least_in_cube, least_in_half_balls, products

FUNCTIONS = [("rbf", 0), ("sigmoid", 0), *(("poly", degree) for degree in (0, 1, 2, 3, 4, 5))]


@settings(max_examples=60, deadline=None)
@given(at=st.floats(-3, 3), left=st.floats(0, 4), right=st.floats(0, 4))
@example(at=0.0, left=1e-3, right=1e-3)
@example(at=-1.0, left=1e-2, right=1e-2)
@example(at=-1.0, left=0.0, right=2.0)
@pytest.mark.parametrize(("kernel", "degree"), FUNCTIONS)
def test_a_kernel_stays_between_its_quadratics(
    kernel: str, degree: int, at: float, left: float, right: float
) -> None:  # fmt: skip
    structure = kernel_votes(0, kernel=kernel, degree=degree)
    p = torch.tensor([-abs(at) if kernel == "rbf" else at], dtype=torch.float64)
    low, high = bends(structure, p, *torch.tensor([[left], [right]], dtype=torch.float64))
    steps = torch.linspace(-left, right, 401, dtype=torch.float64)
    value, steep = values(structure, p)
    there, line = values(structure, p + steps)[0], value + steep * steps
    slack = 1e-13 * (1 + there.abs().max())
    assert bool((line + low * steps**2 <= there + slack).all())
    assert bool((line + high * steps**2 >= there - slack).all())


@pytest.mark.parametrize(("kernel", "degree"), [("rbf", 0), ("poly", 2), ("poly", 3), ("poly", 5)])
def test_no_tighter_ones_would_do(kernel: str, degree: int) -> None:
    """They touch at an end of the interval; with even degrees astride 0, and the sigmoid, they need not."""
    structure, p, reach = kernel_votes(0, kernel=kernel, degree=degree), torch.tensor([-0.4], dtype=torch.float64), 0.7
    low, high = bends(structure, p, *torch.tensor([[reach], [reach]], dtype=torch.float64))
    value, steep = values(structure, p)
    ends = torch.tensor([-reach, reach], dtype=torch.float64)
    bent = (values(structure, p + ends)[0] - value - steep * ends) / reach**2
    np.testing.assert_allclose([low[0], high[0]], [bent.min(), bent.max()], rtol=1e-9)


def quadratic(seed: int, size: int, bend: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    a, q = torch.randn(size, generator=generator).double(), torch.randn(size, size, generator=generator).double()
    return a, bend * (q + q.T)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 7), bend=st.floats(0, 2))
def test_below_all_points_of_the_cube(seed: int, size: int, bend: float) -> None:
    a, q = quadratic(seed, size, bend)
    bound, corner = least_in_cube(a, q)
    points = torch.tensor(list(itertools.product([-1.0, 0.0, 0.3, 1.0], repeat=size))).double()
    assert bound <= float((points @ a + ((points @ q) * points).sum(1)).min()) + 1e-9
    assert bool((corner.abs() == 1).all())


@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_products(size: int) -> None:
    rows, factors = torch.randn(3, size).double(), torch.randn(3).double()
    torch.testing.assert_close(products(rows, factors), rows.T @ factors.diag() @ rows)


def test_exact_where_the_slope_outweighs_the_bend() -> None:
    a, q = quadratic(0, 7, 0.01)
    a += a.sign()
    corners = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=7))).double()
    found = corners @ a + ((corners @ q) * corners).sum(1)
    bound, corner = least_in_cube(a, q)
    assert bound == pytest.approx(float(found.min()), abs=1e-9)
    assert torch.equal(corner, corners[found.argmin()])


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 7), bend=st.sampled_from([0.0, 1e-6, 0.01, 0.1, 0.5, 2.0]))
@pytest.mark.parametrize("definite", [False, True])
def test_the_least_in_the_ball(definite: bool, seed: int, size: int, bend: float) -> None:
    """A trust region has no gap: the best multiplier of all, found in the basis of eigenvectors, gives the least."""
    a, q = quadratic(seed, size, bend)
    if definite:
        q = q @ q
    bound, point = least_in_ball(a, q)
    assert float(point.norm()) <= 1 + 1e-12
    spectrum, basis = torch.linalg.eigh(q)
    along = basis.T @ a
    shifts = (
        torch.linspace(0, 1, 20_001, dtype=torch.float64) * (a.norm() / 2 + 1e-3) + (-spectrum[0]).clamp_min(0) + 1e-12
    )
    truth = float((-(along**2 / (4 * (spectrum + shifts[:, None]))).sum(1) - shifts).max())
    size_ = float(a.norm() + q.norm())
    assert bound <= truth + 1e-6 * size_
    assert bound >= truth - 1e-3 * size_
    assert float(point @ a + point @ q @ point) >= bound


def test_a_trust_region_of_one_number() -> None:
    """u - u^2 is least at -1, and u + u^2 at -1/2, inside."""
    one = torch.ones(1, dtype=torch.float64)
    assert least_in_ball(one, -one[None])[0] == pytest.approx(-2, abs=1e-6)
    assert least_in_ball(one, one[None])[0] == pytest.approx(-0.25, abs=1e-3)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 6), bend=st.floats(0, 1))
def test_below_all_points_of_a_ball_cut_by_walls(seed: int, size: int, bend: float) -> None:
    a, q = quadratic(seed, size, bend)
    generator = torch.Generator().manual_seed(seed)
    side = torch.randint(-1, 2, (size,), generator=generator).double()
    points = torch.randn(2000, size, generator=generator).double()
    points = torch.where(side == 0, points, side * points.abs())
    points *= torch.rand(2000, 1, generator=generator).double() ** (1 / size) / points.norm(dim=1, keepdim=True)
    bound, point = least_in_half_balls(a, q, side)
    assert bound <= float((points @ a + ((points @ q) * points).sum(1)).min()) + 1e-9
    assert bound >= least_in_ball(a, q)[0] - 1e-3 * float(a.norm() + q.norm())
    assert float(point.norm()) <= 1 + 1e-12


def test_slopes_that_lead_out_of_the_range_cost_nothing() -> None:
    a, side = torch.tensor([3.0, -4.0, 5.0]).double(), torch.tensor([0.0, 0.0, 1.0]).double()
    assert least_in_half_balls(a, 0.01 * torch.ones(3, 3).double(), side)[0] == pytest.approx(-5, abs=0.02)
    assert least_in_half_balls(a, 0.01 * torch.ones(3, 3).double(), -side)[0] == pytest.approx(-(50**0.5), abs=0.05)
