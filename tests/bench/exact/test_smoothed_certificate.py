"""Randomised smoothing: the radius is the theorem's, and wrong no oftener than it says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binom, norm
from torch import Tensor

import adapters
from adapters.fitting import fit
from adapters.structures import Smoothed
from bench.attacks.base import Certified
from bench.attacks.worst_case import WorstCase
from bench.draws import Draws
from bench.exact.base import Effort, Proof
from bench.exact.smoothed import SmoothedCertificate, reach
from bench.running.metered import Metered
from bench.threats import Threat

SIGMA = 0.5
FEATURES = 4


def plane(x: np.ndarray) -> np.ndarray:
    """Noise in feature 0 alone decides: the smoothed classifier is the plane itself, and its radius the distance."""
    return (x[:, 0] > 0.5).astype(int)


def model(n: int, alpha: float, seed: int = 0, predict: Any = plane, **given: Any) -> Any:
    box = adapters.black_box(predict, version="1", **given)
    return fit(adapters.smoothed(box, sigma=SIGMA, n=n, alpha=alpha, seed=seed), (FEATURES,), ("0", "1"))


def inputs(n: int) -> Tensor:
    return torch.rand(n, FEATURES, generator=torch.Generator().manual_seed(5))


def proved(source: Any, x: Tensor, y: Tensor, norm: str = "l2", **effort: Any) -> Proof:
    structure = source.structure((FEATURES,)).asking(source.scores)
    return SmoothedCertificate().prove(structure, x, y, Threat(norm=norm, clip=(0, 1)), Effort(**effort))


@pytest.mark.parametrize("alpha", [0.001, 0.05])
@pytest.mark.parametrize("n", [1, 10, 1000])
def test_the_bound_is_clopper_and_pearsons(n: int, alpha: float) -> None:
    """The least probability under which so many votes or more are as unlikely as alpha."""
    structure = Smoothed((0, 1), SIGMA, n, alpha)
    votes = torch.arange(n + 1, dtype=torch.float64)
    radius = reach(votes, structure)
    assert radius[0] == 0
    for count, found in zip(range(n + 1), radius.tolist(), strict=True):
        if found:
            least = norm.cdf(found / SIGMA)
            assert binom.sf(count - 1, n, least) == pytest.approx(alpha, rel=1e-5)
        else:
            assert count == 0 or binom.sf(count - 1, n, 0.5) >= alpha * (1 - 1e-9)
    assert radius[n] == pytest.approx(max(0, SIGMA * norm.ppf(alpha ** (1 / n))), rel=1e-6)


def test_the_radius_is_at_most_the_distance_and_wrong_no_oftener_than_said() -> None:
    """Of a plane the truth is known: the distance to it. At alpha .05 it is passed for one example in twenty or so."""
    x, alpha = inputs(400), 0.05
    y, truth = torch.from_numpy(plane(x.numpy())), (x[:, 0] - 0.5).abs().double()
    radius = proved(model(200, alpha), x, y).radius
    wrong = int((radius > truth).sum())
    assert binom.sf(wrong - 1, 400, alpha) > 1e-4
    assert wrong > 0  # or else it would be looser than it has to be
    many = proved(model(4000, 0.001, seed=2), x[:100], y[:100]).radius
    assert (truth[:100] - many).median() < 0.1 * SIGMA


def test_other_norms_follow_from_the_ball_that_holds_theirs() -> None:
    x, source = inputs(20), model(100, 0.01)
    y = torch.from_numpy(plane(x.numpy()))
    two, one, largest = (proved(source, x, y, norm).radius for norm in ("l2", "l1", "linf"))
    assert torch.equal(one, two)
    assert torch.allclose(largest, two / math.sqrt(FEATURES))


def test_another_class_than_that_of_most_votes_is_not_certified() -> None:
    x, source = inputs(20), model(100, 0.01)
    y = 1 - torch.from_numpy(plane(x.numpy()))
    assert (proved(source, x, y).radius[(x[:, 0] - 0.5).abs() > 0.1] == 0).all()


def test_without_time_nothing_is_proved() -> None:
    x = inputs(5)
    assert proved(model(100, 0.01), x, torch.from_numpy(plane(x.numpy())), seconds=0).radius.tolist() == [0] * 5


def certified(source: Any, x: Tensor, y: Tensor, norm: str = "l2") -> Certified:
    threat = Threat(norm=norm, clip=(0, 1))
    draws = Draws((0, "checksum", "attack", 1), np.arange(len(x)))
    (found,) = WorstCase().craft(Metered(source), x, y, None, [threat], draws)
    return found


def test_worst_case_tells_of_the_error_probability() -> None:
    x = inputs(20)
    found = certified(model(100, 0.01), x, torch.from_numpy(plane(x.numpy())))
    assert found.risk == 0.01
    assert (found.radius > 0).any()
    assert not found.exact[found.radius > 0].any()
    assert torch.equal(found.candidates, x)


def test_what_abstains_is_not_certified() -> None:
    x, source = inputs(60), model(30, 0.01)
    y = torch.from_numpy(plane(x.numpy()))
    nothing = source.predict(x) == -1
    assert nothing.any()
    assert (certified(source, x, y).radius[nothing] == 0).all()


def test_a_model_that_answers_at_random_is_certified_under_both_sorts_of_chance() -> None:
    """Each answer is another one with probability .1: under noise the class is as likely as that leaves it."""
    rng = np.random.default_rng(0)

    def wavering(x: np.ndarray) -> np.ndarray:
        return plane(x) ^ (rng.random(len(x)) < 0.1)

    source, x = model(4000, 0.001, predict=wavering, stochastic=True), inputs(40)
    assert source.stochastic
    y, away = torch.from_numpy(plane(x.numpy())), (x[:, 0] - 0.5).abs().double() / SIGMA
    share = 0.8 * norm.cdf(away) + 0.1
    radius = certified(source, x, y).radius
    bound = torch.from_numpy(SIGMA * norm.ppf(share))
    assert (radius <= bound).all()
    assert (radius > 0.6 * bound)[bound > 0.15].all()
