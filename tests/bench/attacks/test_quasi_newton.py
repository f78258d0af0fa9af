"""L-BFGS in a box comes to the minimum that SciPy's L-BFGS-B comes to, each example by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from bench.attacks.quasi_newton import Found, minimised

N, F = 12, 15


def bowls(curved: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Quadratics of condition 100, and a wave along each coordinate where `curved`."""
    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(N, F, F, generator=generator, dtype=torch.float64)).Q
    matrix = turn @ torch.diag(torch.logspace(0, 2, F, dtype=torch.float64)) @ turn.mT
    centre = torch.randn(N, F, generator=generator, dtype=torch.float64)
    return matrix, centre, torch.full((N, 1), 0.5 if curved else 0.0, dtype=torch.float64)


@pytest.mark.parametrize("curved", [False, True])
@pytest.mark.parametrize("wall", [None, 0.5])
def test_the_minimum_is_scipys(curved: bool, wall: float | None) -> None:
    matrix, centre, wave = bowls(curved)
    looks = torch.zeros(N, dtype=torch.long)

    def objective(rows: Tensor, points: Tensor) -> Found:
        looks[rows] += 1
        delta = points - centre[rows]
        pull = (matrix[rows] @ delta[:, :, None])[:, :, 0]
        value = (delta * pull).sum(1) / 2 + (wave[rows] * points.cos()).sum(1)
        return Found(points, value, pull - wave[rows] * points.sin(), value > 0)

    walls = None if wall is None else (torch.full((N, 1), -wall).double(), torch.full((N, 1), wall).double())
    start = torch.zeros(N, F, dtype=torch.float64)
    found = minimised(objective, start, walls, 400)
    asked = looks.float().mean()
    if walls is not None:
        assert ((found.points >= walls[0]) & (found.points <= walls[1])).all()
    theirs = []
    for row in range(N):

        def single(u: np.ndarray, row: int = row) -> tuple[float, np.ndarray]:
            one = objective(torch.tensor([row]), torch.tensor(u)[None])
            return float(one.value), one.slope[0].numpy()

        bounds = None if wall is None else [(-wall, wall)] * F
        theirs.append(minimize(single, np.zeros(F), jac=True, method="L-BFGS-B", bounds=bounds))
    values = np.array([each.fun for each in theirs])
    np.testing.assert_array_less(found.value.numpy(), values + 1e-3 * np.abs(values) + 1e-6)
    assert asked <= 1.5 * np.mean([each.nfev for each in theirs])


def test_one_alone_comes_to_the_same() -> None:
    matrix, centre, _ = bowls(False)

    def objective(rows: Tensor, points: Tensor) -> Found:
        delta = points - centre[rows]
        pull = (matrix[rows] @ delta[:, :, None])[:, :, 0]
        return Found(points, (delta * pull).sum(1) / 2, pull, points[:, 0] > 0)

    def alone(row: int) -> Tensor:
        def single(rows: Tensor, points: Tensor) -> Found:
            return objective(rows + row, points)

        return minimised(single, torch.zeros(1, F, dtype=torch.float64), None, 60).points[0]

    together = minimised(objective, torch.zeros(N, F, dtype=torch.float64), None, 60)
    for row in range(0, N, 3):
        torch.testing.assert_close(alone(row), together.points[row], atol=1e-6, rtol=1e-6)


def test_a_start_at_the_minimum_is_not_left() -> None:
    def objective(rows: Tensor, points: Tensor) -> Found:
        return Found(points, points.square().sum(1), 2 * points, points[:, 0] > 0)

    start = torch.zeros(3, F, dtype=torch.float64)
    assert torch.equal(minimised(objective, start, None, 10).points, start)
