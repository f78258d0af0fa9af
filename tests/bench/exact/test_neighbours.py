"""Neighbours: what is proved is what solving every cell, with every inequality at once, tells."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

import adapters
from adapters.errors import Unsupported
from adapters.structures.neighbours import Neighbours
from bench.exact.base import Effort, Proof
from bench.exact.neighbours import NeighboursCertificate
from bench.threats import Threat

UNIT = (0.0, 1.0)


def fitted(features: int, points: int, k: int, classes: int = 3, dtype: Any = np.float32) -> KNeighborsClassifier:
    rng = np.random.default_rng(features)
    x = rng.uniform(size=(points, features)).astype(dtype)
    return KNeighborsClassifier(k).fit(x, np.arange(points) % classes)


def proved(estimator: Any, n: int, norm: str, clip: bool, **effort: Any) -> tuple[Tensor, Tensor, Proof, Threat]:
    """Examples, their labels by the estimator, and what is proved of them."""
    model = adapters.wrap(estimator)
    x = torch.rand(n, estimator.n_features_in_, generator=torch.Generator().manual_seed(1))
    y, threat = model.predict(x), Threat(norm=norm, clip=UNIT if clip else None)
    structure = model.structure(tuple(x.shape[1:]))
    return x, y, NeighboursCertificate().prove(structure, x, y, threat, Effort(**effort)), threat


def by_programmes(points: np.ndarray, owners: np.ndarray, x: np.ndarray, own: int, threat: Threat) -> float:
    """The nearest input that any rival's point wins: one programme a point, no inequality left out."""
    n, best = len(x), np.inf
    low, high = threat.clip or (-np.inf, np.inf)
    limits = [(low - v, high - v) for v in x]
    mine = points[owners == own]
    for rival in points[owners != own]:
        rows = 2 * (rival - mine)
        due = ((rival - x) ** 2).sum() - ((mine - x) ** 2).sum(1)
        if threat.norm == "linf":
            ends = np.block([[np.eye(n), -np.ones((n, 1))], [-np.eye(n), -np.ones((n, 1))]])
            bound = np.vstack([np.hstack([-rows, np.zeros((len(rows), 1))]), ends])
            found = linprog(np.r_[np.zeros(n), 1], bound, np.r_[-due, np.zeros(2 * n)], bounds=[*limits, (0, None)])
            best = min(best, found.fun)
            continue
        found = minimize(
            lambda d: d @ d,
            rival - x,
            jac=lambda d: 2 * d,
            bounds=limits,
            constraints={"type": "ineq", "fun": lambda d, r=rows, h=due: r @ d - h, "jac": lambda d, r=rows: r},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        best = min(best, float(np.sqrt(found.fun)))
    return best


@pytest.mark.parametrize("clip", [True, False], ids=["clipped", "unclipped"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(("features", "points"), [(2, 12), (6, 30)])
def test_of_one_neighbour_the_radius_is_that_of_the_nearest_cell(
    features: int, points: int, norm: str, clip: bool
) -> None:
    """Fitted on float64 the guard is nothing beside the solvers' own tolerance."""
    estimator = fitted(features, points, 1, dtype=np.float64)
    x, y, proof, threat = proved(estimator, 12, norm, clip)
    assert proof.exact.all()
    for row in range(len(x)):
        exact = by_programmes(estimator._fit_X, estimator._y, x[row].double().numpy(), int(y[row]), threat)
        assert float(proof.radius[row]) == pytest.approx(exact, abs=2e-5)


@pytest.mark.parametrize("clip", [True, False], ids=["clipped", "unclipped"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_witnesses_of_one_neighbour_are_mislabelled_and_as_near(norm: str, clip: bool) -> None:
    estimator = fitted(8, 60, 1)
    x, y, proof, threat = proved(estimator, 60, norm, clip)
    assert proof.exact.all()
    assert (torch.from_numpy(estimator.predict(proof.witness.numpy())) != y).all()
    distance = threat.distance(x, proof.witness)
    assert (distance >= proof.radius).all()
    assert (distance <= proof.radius * 1.01 + 1e-3).all()
    if clip:
        assert torch.equal(threat.cut(proof.witness), proof.witness)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_nothing_within_the_radius_is_mislabelled(k: int, norm: str) -> None:
    """By a fine grid of the plane, asked of the estimator itself."""
    estimator = fitted(2, 30, k)
    x, y, proof, threat = proved(estimator, 25, norm, True)
    axis = np.linspace(0, 1, 401, dtype=np.float32)
    grid = torch.from_numpy(np.array(list(itertools.product(axis, axis)), dtype=np.float32))
    labels = torch.from_numpy(estimator.predict(grid.numpy()))
    for row in range(len(x)):
        inside = threat.distance(x[row].expand_as(grid), grid) <= proof.radius[row]
        assert (labels[inside] == y[row]).all()
    assert (proof.radius > 0).sum() >= 6


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_witness_is_mislabelled_once_it_is_rounded_to_float32(norm: str) -> None:
    """Even where the model computes in float64, and next to nothing of a lead would do."""
    x, y, proof, _ = proved(fitted(11, 12, 1, dtype=np.float64), 60, norm, clip=True)
    model = adapters.wrap(fitted(11, 12, 1, dtype=np.float64))
    assert bool(proof.exact.all())
    assert bool((model.predict(proof.witness) != y).all())
    assert proof.witness.dtype == x.dtype == torch.float32


@pytest.mark.parametrize("k", [3, 4])
def test_witnesses_of_more_neighbours_are_mislabelled_where_there_are_any(k: int) -> None:
    estimator = fitted(6, 60, k)
    x, y, proof, _ = proved(estimator, 40, "l2", True)
    moved = (proof.witness != x).any(1)
    assert moved.float().mean() > 0.8
    assert (torch.from_numpy(estimator.predict(proof.witness.numpy()))[moved] != y[moved]).all()
    assert not proof.exact.any()


def test_the_plane_between_two_points() -> None:
    """In closed form: half way along the axis, whatever the norm."""
    estimator = KNeighborsClassifier(1).fit(np.array([[0.0, 0.5], [1.0, 0.5]]), [0, 1])
    model = adapters.wrap(estimator)
    x = torch.tensor([[0.25, 0.5], [0.0, 0.0]])
    for norm in ("linf", "l2"):
        proof = NeighboursCertificate().prove(
            model.structure((2,)), x, torch.tensor([0, 0]), Threat(norm=norm, clip=UNIT), Effort()
        )
        assert proof.radius.tolist() == pytest.approx([0.25, 0.5], abs=1e-6)
        assert proof.exact.all()


def test_rivals_that_can_never_outvote_prove_everything() -> None:
    x = np.random.default_rng(0).uniform(size=(20, 3))
    estimator = KNeighborsClassifier(5).fit(x, [1, 1] + [0] * 18)
    _, y, proof, _ = proved(estimator, 5, "l2", True)
    assert (y == 0).all()
    assert proof.radius.isinf().all()
    assert proof.exact.all()


def test_points_of_two_classes_at_one_place_leave_a_radius_that_holds() -> None:
    x = np.random.default_rng(0).uniform(size=(20, 2))
    estimator = KNeighborsClassifier(1).fit(np.vstack([x, x[:5]]), np.arange(25) % 2)
    batch, y, proof, threat = proved(estimator, 30, "l2", True)
    generator = torch.Generator().manual_seed(0)
    for row in range(len(batch)):
        moved = batch[row] + proof.radius[row].float() * (torch.rand(500, 2, generator=generator) * 2 - 1)
        moved = threat.cut(moved)
        inside = threat.distance(batch[row].expand_as(moved), moved) <= proof.radius[row]
        assert (torch.from_numpy(estimator.predict(moved.numpy()))[inside] == y[row]).all()


def test_without_time_nothing_is_proved() -> None:
    x, _, proof, _ = proved(fitted(3, 30, 1), 10, "l2", True, seconds=0.0)
    assert (proof.radius == 0).all()
    assert not proof.exact.any()
    assert torch.equal(proof.witness, x)


@pytest.mark.parametrize("k", [1, 3])
def test_the_structure_labels_as_the_estimator_does(k: int) -> None:
    estimator = fitted(5, 80, k)
    structure = adapters.wrap(estimator).structure((5,))
    assert isinstance(structure, Neighbours)
    x = torch.rand(500, 5, generator=torch.Generator().manual_seed(2))
    assert np.array_equal(structure.scores(x).argmax(1).numpy(), estimator.predict(x.numpy()))


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"metric": "manhattan"}, "not Euclidean"), ({"weights": "distance", "n_neighbors": 3}, "weighted")],
)
def test_what_is_not_known_says_so(settings: dict[str, Any], says: str) -> None:
    estimator = KNeighborsClassifier(**settings).fit(np.random.default_rng(0).uniform(size=(20, 2)), np.arange(20) % 2)
    with pytest.raises(Unsupported, match=says):
        adapters.wrap(estimator).structure((2,))
