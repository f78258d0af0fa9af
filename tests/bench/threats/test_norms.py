"""What each norm owes: the best step, the nearest point of the ball, distances with their rounding, and draws."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import stats
from torch import Tensor

from bench.draws import Draws
from bench.threats import NORMS, Geometry, Threat, norm_named

N, D = 50, 6
CONVEX = {"linf": (torch.inf, 1), "l2": (2, 2), "l1": (1, torch.inf)}
"""Norm -> its order, and that of its dual: the largest `<g, d>` over its unit ball is the dual norm of g."""


def test_every_norm_is_met_here() -> None:
    assert NORMS.keys() == CONVEX.keys() | {"l0"}


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def drawn(n: int, key: str = "norms") -> Draws:
    return Draws((key,), np.arange(n))


def flat_norm(d: Tensor, order: float) -> Tensor:
    return torch.linalg.vector_norm(d.double().flatten(1), order, dim=1)


# -- steps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize(("name", "orders"), CONVEX.items())
def test_a_step_climbs_as_fast_as_any_of_norm_1(name: str, orders: tuple[float, float], scale: float) -> None:
    gradient = scale * random(N, 3, 2, 2)
    step = norm_named(name).step(gradient)
    assert step.shape == gradient.shape
    assert step.dtype == gradient.dtype
    own, dual = orders
    assert flat_norm(step, own).numpy() == pytest.approx(1, rel=1e-6)
    climbed = (gradient.double() * step.double()).flatten(1).sum(1)
    assert climbed.numpy() == pytest.approx(flat_norm(gradient, dual).numpy(), rel=1e-6)


@pytest.mark.parametrize("k", [1, 3, 11, 12, 20])
def test_a_step_of_l0_takes_the_features_of_the_largest_gradients_up_it(k: int) -> None:
    norm, gradient = norm_named("l0"), random(N, 3, 2, 2)
    step = norm.sized(norm.step(gradient), k).flatten(1)
    slope = gradient.flatten(1)
    best = slope.abs().topk(min(k, 12), dim=1).indices
    assert torch.equal(step != 0, torch.zeros_like(slope).scatter(1, best, 1.0).bool())
    assert torch.equal(step.sign(), slope.sign() * (step != 0))
    assert (step.abs() >= (step != 0) * 1.0).all(), "as far as an image's whole range"


@pytest.mark.parametrize("name", NORMS)
def test_without_a_gradient_there_is_no_step(name: str) -> None:
    norm, zero = norm_named(name), torch.zeros(3, 1, 2, 2)
    assert torch.equal(norm.sized(norm.step(zero), 1), zero)


@pytest.mark.parametrize("name", NORMS)
def test_a_step_of_nan_is_outside_of_every_ball(name: str) -> None:
    threat, x, gradient = Threat(norm=name, eps=3), torch.zeros(2, 4), torch.zeros(2, 4)
    gradient[0, 1] = torch.nan
    for moved in (threat.moved(x, threat.step(gradient)), threat.project(x, x + gradient)):
        if bool(moved[0].isnan().any()):  # LInf and L0 may leave it out, which is a step within the ball
            assert not threat.violation(x, moved)[0] <= 0
        assert threat.violation(x, moved)[1] <= 0


# -- projection -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eps", [1e-3, 0.3, 2.0])
@pytest.mark.parametrize(("name", "orders"), CONVEX.items())
def test_projection_is_the_nearest_point_of_the_ball(name: str, orders: tuple[float, float], eps: float) -> None:
    """Of p and any q in the ball, `<d - p, q - p> <= 0`: what leads out is no less along p than `eps |d - p|_dual`."""
    delta = random(N, 3, 2, 2).double() * torch.logspace(-3, 2, N)[:, None, None, None]
    own, dual = orders
    near = norm_named(name).projected(delta, eps)
    assert (flat_norm(near, own) <= eps * (1 + 1e-9)).all()
    rest = delta - near
    along, at_most = (rest * near).flatten(1).sum(1), eps * flat_norm(rest, dual)
    assert along.numpy() == pytest.approx(at_most.numpy(), rel=1e-6, abs=1e-9 * eps)


@pytest.mark.parametrize("eps", [0.05, 0.7, 3.0])
def test_projection_onto_l1_shrinks_all_features_by_one_threshold(eps: float) -> None:
    """Found by bisection, beside Duchi's sort."""
    delta = random(N, D).double()
    low, high = torch.zeros(N, 1).double(), delta.abs().amax(1, keepdim=True)
    for _ in range(100):
        middle = (low + high) / 2
        outside = (delta.abs() - middle).clamp_min(0).sum(1, keepdim=True) > eps
        low, high = middle.where(outside, low), high.where(outside, middle)
    expected = delta.sign() * (delta.abs() - high).clamp_min(0)
    torch.testing.assert_close(norm_named("l1").projected(delta, eps), expected)


@pytest.mark.parametrize("k", range(1, D + 2))
def test_projection_onto_l0_is_the_best_of_all_choices(k: int) -> None:
    delta = random(N, D)
    near = norm_named("l0").projected(delta, k)
    subsets = [torch.zeros(D).index_fill(0, torch.tensor(chosen), 1.0) for chosen in combinations(range(D), min(k, D))]
    best = torch.stack([(delta - delta * mask).norm(dim=1) for mask in subsets]).amin(0)
    torch.testing.assert_close((delta - near).norm(dim=1), best)
    assert ((near != 0).sum(1) <= k).all()
    ties = torch.tensor([[1.0, -1, 1, 1]])
    assert torch.equal(norm_named("l0").projected(ties, 2), torch.tensor([[1.0, -1, 0, 0]])), "the first of equals"


@pytest.mark.parametrize("name", NORMS)
def test_what_is_in_the_ball_stays(name: str) -> None:
    norm, eps = norm_named(name), 3.0
    inside = random(N, 3, 2, 2)
    inside = norm.projected(inside, eps)
    torch.testing.assert_close(norm.projected(inside, eps), inside, rtol=1e-6, atol=1e-6)
    assert torch.equal(norm.projected(0.5 * inside, eps), 0.5 * inside)


# -- distance ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "order"), [("linf", torch.inf), ("l2", 2), ("l1", 1), ("l0", 0)])
def test_distances_are_in_float64(name: str, order: float) -> None:
    x = torch.rand(N, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    moved = x + 0.1 * random(N, 3, 2, 2) * (random(N, 3, 2, 2, seed=1) > 0)
    found = Threat(norm=name).distance(x, moved)
    assert found.dtype == torch.float64
    expected = [np.linalg.norm(row, order) for row in (moved.double() - x.double()).flatten(1).numpy()]
    assert found.numpy() == pytest.approx(np.array(expected), rel=1e-12)


def inputs(scale: float) -> Tensor:
    """Of MNIST's size, among them the ends of the range."""
    x = torch.rand(20, 784, generator=torch.Generator().manual_seed(0))
    return scale * torch.where(x < 0.3, 0.0, torch.where(x > 0.8, 1.0, x))


SIZES = {name: [1, 7, 300] if name == "l0" else [1e-4, 1e-3, 8 / 255, 0.25, 2.0] for name in NORMS}
"""In units of the range, save for a number of features."""


@pytest.mark.parametrize("clip", [True, False], ids=["clipped", "unclipped"])
@pytest.mark.parametrize("scale", [1.0, 16.0, 255.0])
@pytest.mark.parametrize("name", NORMS)
def test_no_rounding_of_a_right_step_is_a_violation(name: str, scale: float, clip: bool) -> None:
    x = inputs(scale)
    for size in SIZES[name]:
        threat = Threat(norm=name, eps=size if name == "l0" else size * scale, clip=(0.0, scale) if clip else None)
        far = x + scale * random(*x.shape, seed=2)
        noise = torch.tensor(threat.uniform(drawn(len(x)), (784,)), dtype=x.dtype)
        for moved in (threat.moved(x, threat.step(random(*x.shape))), threat.project(x, far), threat.moved(x, noise)):
            assert (threat.violation(x, moved) <= 0).all(), (size, float(threat.violation(x, moved).max()))
            assert not clip or (0 <= moved.min() <= moved.max() <= scale)


@pytest.mark.parametrize("scale", [1.0, 16.0, 255.0])
@pytest.mark.parametrize("name", NORMS)
def test_a_step_too_far_is_one(name: str, scale: float) -> None:
    x = inputs(scale)
    for size in (1, 7, 300) if name == "l0" else (0.01, 0.25, 2.0):
        eps = size if name == "l0" else size * scale
        threat, further = Threat(norm=name, eps=eps), Threat(norm=name, eps=eps + 1 if name == "l0" else 1.01 * eps)
        assert (threat.violation(x, further.moved(x, threat.step(random(*x.shape)))) > 0).all()


def test_a_dark_pixel_gets_no_slack_from_a_bright_one() -> None:
    x, threat = torch.tensor([[0.0, 255.0]]), Threat(norm="linf", eps=1.0)
    for feature, outside in ((0, True), (1, False)):
        moved = x.clone()
        moved[0, feature] += torch.tensor(1.0 + 3e-5)
        assert bool(threat.violation(x, moved) > 0) is outside


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("name", NORMS)
def test_what_is_not_finite_is_outside(name: str, value: float) -> None:
    x = torch.zeros(2, 3)
    moved = x.clone()
    moved[0, 1] = value
    violation = Threat(norm=name, eps=3).violation(x, moved)
    assert not violation[0] <= 0
    assert violation[1] <= 0


# -- draws ------------------------------------------------------------------------------------------------------------

MANY = 4000


def law(values: Any, cdf: Any) -> float:
    """How likely values so far from their law are: of a Kolmogorov-Smirnov test."""
    return float(stats.kstest(np.asarray(values), cdf).pvalue)


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("how", ["uniform", "extreme"])
def test_draws_depend_on_the_example_alone_and_lie_in_the_ball(name: str, how: str) -> None:
    draw = getattr(norm_named(name), how)
    whole = draw(drawn(20), (3, 2, 2), 0)
    assert whole.shape == (20, 3, 2, 2)
    order = np.array([13, 2, 7])
    assert np.array_equal(draw(Draws(("norms",), order), (3, 2, 2), 0), whole[order])
    assert not np.array_equal(draw(drawn(20), (3, 2, 2), 1), whole)
    if name in CONVEX:
        lengths = flat_norm(torch.tensor(whole), CONVEX[name][0])
        assert (lengths <= 1 + 1e-12).all()
        assert how == "uniform" or lengths.numpy() == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(("name", "orders"), CONVEX.items())
def test_uniform_draws_fill_the_ball_evenly(name: str, orders: tuple[float, float]) -> None:
    """The radius to the power of the dimension is uniform, and independent of the direction, whose law is known."""
    values = norm_named(name).uniform(drawn(MANY), (2, 3), 0).reshape(MANY, D)
    radius = np.linalg.norm(values, orders[0], axis=1)
    assert law(radius**D, "uniform") > 1e-3
    first = values[:, 0] / radius
    marginal = {"l2": (first**2, stats.beta(0.5, (D - 1) / 2).cdf), "l1": (np.abs(first), stats.beta(1, D - 1).cdf)}
    assert law(*marginal.get(name, ((values[:, 0] + 1) / 2, "uniform"))) > 1e-3
    assert abs(stats.spearmanr(radius, np.abs(first)).statistic) < 0.06 or name == "linf"
    assert stats.binomtest(int((values > 0).sum()), values.size).pvalue > 1e-3


def test_extreme_draws_are_steps_of_a_gradient_thrown_by_a_coin() -> None:
    found = {name: norm_named(name).extreme(drawn(MANY), (2, 3), 0).reshape(MANY, D) for name in NORMS}
    assert set(np.unique(found["linf"])) == {-1.0, 1.0}
    assert np.unique(np.abs(found["l2"])) == pytest.approx(D**-0.5)
    assert np.array_equal(np.abs(found["l1"]).sum(1), np.ones(MANY))
    assert ((found["l1"] != 0).sum(1) == 1).all()
    assert stats.chisquare(np.abs(found["l1"]).sum(0)).pvalue > 1e-3, "every feature as often"
    for name, values in found.items():
        assert stats.binomtest(int((values > 0).sum()), int((values != 0).sum())).pvalue > 1e-3, name


@pytest.mark.parametrize("how", ["uniform", "extreme"])
def test_draws_of_l0_change_every_feature_as_often(how: str) -> None:
    norm = norm_named("l0")
    for k in (1, 4):
        values = norm.sized(torch.tensor(getattr(norm, how)(drawn(MANY), (D,), 0)), k)
        assert ((values != 0).sum(1) == k).all()
        assert stats.chisquare((values != 0).sum(0).numpy()).pvalue > 1e-3


# -- names and sizes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["l3", "L2", "", "euclid"])
def test_a_norm_that_is_none_is_an_error_and_never_l2(name: str) -> None:
    with pytest.raises(ValueError, match="is none of linf, l2, l1, l0"):
        norm_named(name)
    with pytest.raises(ValidationError, match="is none of linf, l2, l1, l0"):
        Threat(norm=name, eps=0.1)


@pytest.mark.parametrize("eps", [0, -0.1, float("nan"), float("inf"), "half"])
@pytest.mark.parametrize("name", NORMS)
def test_a_ball_has_a_size(name: str, eps: Any) -> None:
    with pytest.raises(ValidationError, match="give a positive number such as"):
        Threat(norm=name, eps=eps)


@pytest.mark.parametrize("eps", [0.5, 1.5])
def test_l0_counts_whole_features(eps: float) -> None:
    with pytest.raises(ValidationError, match="is a number of features; give 1, 2, 3"):
        Threat(norm="l0", eps=eps)


def test_what_a_threat_lacks_is_an_error() -> None:
    x = torch.zeros(1, 2)
    with pytest.raises(ValueError, match="without a norm has no distances"):
        Threat().distance(x, x)
    with pytest.raises(ValidationError, match="without a norm has no distances"):
        Threat(eps=0.1)
    with pytest.raises(ValueError, match="without an epsilon has no size"):
        Threat(norm="l2").moved(x, x)
    assert Threat(norm="l2").distance(x, x + 1).item() == pytest.approx(2**0.5), "a minimum norm is asked for"


def test_a_norm_is_abstract_until_all_is_told() -> None:
    class Half(Geometry):
        name = "half"

    with pytest.raises(TypeError, match="abstract"):
        Half()  # type: ignore[abstract]
