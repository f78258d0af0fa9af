"""Support vector machines: no certificate beyond the nearest mislabelled input, and few far from it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from proving import UNIT, by_multiplier, by_programme, examples, kernel_votes, labels, linear_votes, proved
from sklearn.svm import SVC, NuSVC
from torch import Tensor

import adapters
from adapters.structures import KernelVotes, Linear, LinearVotes
from adapters.structures.votes import votes
from bench.attacks.worst_case import WorstCase
from bench.draws import Draws
from bench.exact import certificate_of
from bench.exact.base import Effort
from bench.exact.votes import elected
from bench.threats import Threat

SIZES = (0.01, 0.03, 0.1, 0.2, 0.4)


def certified(structure: Any, x: Tensor, y: Tensor, threat: Threat, sizes: tuple[float, ...] = SIZES) -> Any:
    return certificate_of(structure).prove(structure, x, y, threat, Effort(sizes=sizes, seconds=100))


# -- votes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("breaks_ties", [False, True])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_elected_is_what_all_outcomes_of_the_open_pairs_agree_on(count: int, breaks_ties: bool) -> None:
    """All ways to decide, or leave open, the pairs of few classes, and sums of decision values that favour anybody."""
    pairs = list(itertools.combinations(range(count), 2))
    generator = torch.Generator().manual_seed(0)
    every = list(itertools.product([-1, 0, 1], repeat=len(pairs)))
    for known in every if count < 4 else every[:: 11 if breaks_ties else 3]:
        outcomes = []
        for sides in itertools.product([-1, 1], repeat=len(pairs)):
            if all(k in (0, s) for k, s in zip(known, sides, strict=True)):
                for _ in range(4 if breaks_ties else 1):
                    square = torch.zeros(1, count, count, dtype=torch.float64)
                    for (i, j), side in zip(pairs, sides, strict=True):
                        size = 10 ** float(4 * torch.rand(1, generator=generator) - 2)
                        square[0, i, j], square[0, j, i] = side * size, -side * size
                    outcomes.append(int(votes(square, breaks_ties).argmax()))
        sure = torch.zeros(1, count, count, dtype=torch.bool)
        for (i, j), side in zip(pairs, known, strict=True):
            sure[0, i, j], sure[0, j, i] = side > 0, side < 0
        for own in range(count):
            held = bool(elected(sure, torch.tensor([own]), breaks_ties))
            assert not held or set(outcomes) == {own}
            if not breaks_ties:  # rivals that cannot all have their most votes at once are counted as if they could
                assert held or set(outcomes) != {own} or count > 3


# -- hyperplanes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clip", [UNIT, None])
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_of_three_classes_the_distance_to_the_first_hyperplane_that_decides(norm: str, clip: Any) -> None:
    """Exact answers are the least of the distances of the own class's pairs, each by a linear programme or a root."""
    structure, x = linear_votes(4, classes=3, features=6), examples(4, n=25, features=6)
    y = labels(structure, x)
    found = certified(structure, x, y, Threat(norm=norm, clip=clip))
    assert float(found.exact.float().mean()) > 0.6
    values = structure.pairs.scores(x)
    for row in found.exact.nonzero()[:, 0].tolist():
        nearest = torch.inf
        for place, pair in enumerate(itertools.combinations(range(3), 2)):
            if int(y[row]) in pair:
                value = float(values[row, place])
                toward = -np.sign(value) * structure.pairs.weight[place]
                one = (
                    by_multiplier(toward, abs(value), x[row], clip)
                    if norm == "l2"
                    else by_programme(toward, abs(value), x[row], norm, clip)
                )
                nearest = min(nearest, one)
        if nearest < torch.inf:
            assert float(found.radius[row]) == pytest.approx(nearest, rel=1e-6, abs=1e-9)
            assert int(labels(structure, found.witness[row : row + 1])) != int(y[row])


def test_a_class_that_loses_a_pair_and_still_has_most_votes_is_proved_farther() -> None:
    """Of three classes 0 beats 1 and 2 as long as x < 0.5 and x < 0.9, and 2 always beats 1: beyond 0.5 class 1 has one
    vote, 0 one and 2 one, and the tie goes to 0.
    """
    weight, bias = torch.tensor([[-1.0], [-1.0], [0.0]]).double(), torch.tensor([0.5, 0.9, -1.0]).double()
    x, y = torch.tensor([[0.1]]), torch.tensor([0])
    for breaks_ties, radius in ((False, 0.8), (True, 0.4)):
        structure = LinearVotes((0, 1, 2), Linear.computed(range(3), weight, bias, torch.float64), breaks_ties)
        found = proved(structure, x, y, "linf")
        assert float(found.radius) == pytest.approx(radius, abs=1e-6)


def test_a_class_that_wins_by_a_tie_loses_by_pairs_of_others() -> None:
    """0 beats 1, 1 beats 2 and 2 beats 0 for x < 0.6, from where on 1 loses to 2 as well, which has two votes then."""
    weight, bias = torch.tensor([[0.0], [-1.0], [-1.0]]).double(), torch.tensor([1.0, -0.2, 0.6]).double()
    structure = LinearVotes((0, 1, 2), Linear.computed(range(3), weight, bias, torch.float64), breaks_ties=False)
    x, y = torch.tensor([[0.5]]), torch.tensor([0])
    assert labels(structure, x).tolist() == [0]
    for clip in (UNIT, None):
        found = proved(structure, x, y, "linf", clip)
        assert float(found.radius) == pytest.approx(0.1, abs=1e-6)
        assert labels(structure, x + float(found.radius) + 1e-4).tolist() == [2]


# -- kernels ----------------------------------------------------------------------------------------------------------


def dense(x: Tensor, radius: float, norm: str, steps: int = 61) -> Tensor:
    """A grid of inputs of two features in the ball and the range, its ends included."""
    side = torch.linspace(-1, 1, steps).double()
    ball = torch.cartesian_prod(side, side)
    if norm == "l2":
        ball = ball[ball.norm(dim=1) <= 1]
        turns = torch.linspace(0, 2 * torch.pi, 400).double()
        ball = torch.cat([ball, torch.stack([turns.cos(), turns.sin()], dim=1)])
    return (x.double() + radius * ball).clamp(0, 1)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(("kernel", "degree"), [("rbf", 0), ("sigmoid", 0), ("poly", 2), ("poly", 3), ("poly", 4)])
def test_nothing_on_a_dense_grid_is_mislabelled(kernel: str, degree: int, norm: str) -> None:
    """And most of what lies between the certificate and the nearest mislabelled point of the grid is small."""
    ratios = []
    for seed in range(4):
        structure = kernel_votes(2 * seed, 3, 2, kernel, degree)
        x = examples(seed, n=8, features=2)
        y = labels(structure, x)
        found = certified(structure, x, y, Threat(norm=norm, clip=UNIT))
        for row in range(len(x)):
            radius = float(found.radius[row])
            if radius:
                assert bool((labels(structure, dense(x[row], radius, norm)) == y[row]).all())
            everything = torch.cartesian_prod(*[torch.linspace(0, 1, 101).double()] * 2)
            other = everything[labels(structure, everything) != y[row]] - x[row].double()
            if len(other):
                lengths = other.abs().amax(1) if norm == "linf" else other.norm(dim=1)
                ratios.append(radius / min(float(lengths.min()), SIZES[-1]))
    assert np.mean(ratios) > 0.7


@pytest.mark.parametrize("kernel", ["rbf", "poly", "sigmoid"])
def test_gradient_ascent_within_the_radius_never_flips(kernel: str) -> None:
    """On decision values of each pair, from the middle and from random starts."""
    for seed in range(3):
        structure, x = kernel_votes(seed, 3, 10, kernel), examples(seed, n=10, features=10)
        y = labels(structure, x)
        radius = certified(structure, x, y, Threat(norm="linf", clip=UNIT)).radius[:, None]
        low, high = (x - radius).clamp(0, 1), (x + radius).clamp(0, 1)
        for rival in range(3):
            for start in range(3):
                share = torch.rand(x.shape, generator=torch.Generator().manual_seed(start)).double()
                moved = low + share * (high - low)
                for _ in range(40):
                    moved.requires_grad_()
                    values = structure.decisions(moved)[torch.arange(len(x)), y, rival]
                    slope = torch.autograd.grad(values.sum(), moved)[0]
                    moved = torch.clamp(moved.detach() - radius / 10 * slope.sign(), low, high)
                assert bool((labels(structure, moved) == y).all())


def fitted(estimator: Any, train: tuple[np.ndarray, np.ndarray]) -> adapters.Adapter:
    return adapters.wrap(estimator.fit(*train))


@pytest.mark.parametrize(
    ("estimator", "share"),
    [
        (SVC(gamma=0.5), 0.9),
        (NuSVC(nu=0.1, gamma=0.5, break_ties=True), 0.9),
        (SVC(kernel="poly", coef0=1, gamma=0.1), 0.9),
        (SVC(kernel="linear"), 0.95),
    ],
)
def test_digits_are_decided(
    estimator: Any, share: float, digits_train: tuple[np.ndarray, np.ndarray], digits_test: tuple[Tensor, Tensor]
) -> None:
    """At sizes where half of them fall: proved or attacked, and every witness is mislabelled by its own predict."""
    model = fitted(estimator, digits_train)
    x, y = digits_test[0][:60].flatten(1), digits_test[1][:60]
    attack = WorstCase(sizes=(0.05, 0.1))
    (found,) = attack.craft(model, x, y, None, [Threat(norm="linf", clip=UNIT)], Draws((0,), np.arange(len(x))))
    right, far = model.predict(x) == y, (found.candidates - x).abs().amax(1)
    fell = torch.tensor(model.estimator.predict(found.candidates.numpy())) != y  # type: ignore[attr-defined]
    assert torch.equal(fell, (far > 0) | ~right)
    assert bool((found.radius <= far)[fell & right].all())
    for size in attack.sizes:
        decided = ~right | (found.radius >= size) | (fell & (far <= size * (1 + 1e-6)))
        assert float(decided.float().mean()) >= share


def test_nothing_is_claimed_when_time_is_over() -> None:
    for structure in (kernel_votes(0), linear_votes(0)):
        x = examples(0)
        found = certificate_of(structure).prove(
            structure, x, labels(structure, x), Threat(norm="linf", clip=UNIT), Effort(sizes=SIZES, seconds=0.0)
        )
        assert not bool(found.exact.any())
        assert float(found.radius.max()) == 0


def test_features_beyond_count_no_products_and_are_bounded_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    structure, x = kernel_votes(1), examples(1)
    y, threat = labels(structure, x), Threat(norm="linf", clip=UNIT)
    tight = certified(structure, x, y, threat).radius
    monkeypatch.setattr("bench.exact.expansions.TIGHT", 3)
    loose = certified(structure, x, y, threat).radius
    assert bool((loose <= tight + 1e-12).all())
    assert float(loose.sum()) > 0.2 * float(tight.sum())


def test_one_class_is_never_mislabelled() -> None:
    """As what comes from another process may have it."""
    structure = kernel_votes(0, classes=1)
    assert isinstance(structure, KernelVotes)
    found = proved(structure, examples(0), torch.zeros(20, dtype=torch.int64), "linf")
    assert bool((found.radius == torch.inf).all())
