"""What is known of the self-test's models is true."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from adapters.wrapping import wrap
from bench import registry
from bench.selftest.base import Family, Known, to_plane
from bench.selftest.boosted import Boosted, cells, thresholds
from bench.selftest.linear import Linear
from bench.selftest.run import KIND, families


@pytest.mark.parametrize("name", registry.names(KIND))
def test_models_follow_from_the_seed_and_their_number(name: str) -> None:
    (family,) = families([name])
    one, same, other = (family.known(np.random.default_rng(seed), 5, family.norms[0]) for seed in (1, 1, 2))
    assert (one.x == same.x).all() and (one.truth == same.truth).all()  # noqa: PT018
    assert one.x.shape != other.x.shape or (one.x != other.x).any()


@pytest.mark.parametrize("name", [name for name in registry.names(KIND) if name != "smoothed"])
def test_no_corner_of_a_ball_before_the_truth_is_mislabelled(name: str) -> None:
    """Nor is what moves some features that far and leaves others."""
    (family,) = families([name])
    for seed in range(3):
        rng = np.random.default_rng(seed)
        known = family.known(rng, 5, "linf")
        model, shape = wrap(known.model), known.x.shape
        sides = rng.choice([-1, 0, 1], (100, *shape)) * known.truth.reshape(-1, *[1] * (len(shape) - 1))
        moved = np.clip(known.x + 0.999 * sides, 0, 1).astype(np.float32)
        labels = model.predict(torch.from_numpy(moved.reshape(-1, *shape[1:]))).numpy().reshape(100, -1)
        assert (labels == known.y).all()


def test_cells_of_boosted_trees_are_labelled_as_the_estimator_labels_what_is_in_them() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        model = Boosted().known(rng, 3, "linf").model
        features = model.n_features_in_
        low, high, label, clear = cells(model, thresholds(model, features))
        x = rng.uniform(0, 1, (500, features))
        where = ((x[:, None] > low) & (x[:, None] <= high)).all(2)
        assert clear
        assert (where.sum(1) == 1).all()
        assert (label[where.argmax(1)] == model.predict(x)).all()


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_a_plane_is_as_far_as_the_nearest_of_many_steps_towards_it(norm: str) -> None:
    """Steps along the dual's maximiser reach it at that distance, and no random step of that length does."""
    rng = np.random.default_rng(0)
    x, normal = rng.uniform(0.3, 0.7, (1, 5)), rng.normal(size=5)
    x[0, 0], normal[0] = 0.0, -1.0  # at a wall, pulled outwards
    far = float(to_plane(x, normal, np.array([0.1]), norm)[0])
    free = np.where(np.arange(5) > 0, normal, 0)
    best = {
        "linf": np.sign(free),
        "l2": free / np.linalg.norm(free),
        "l1": np.where(abs(free) == abs(free).max(), np.sign(free), 0),
    }
    assert free @ (far * best[norm]) == pytest.approx(0.1)
    steps = rng.normal(size=(20_000, 5))
    steps[:, 0] = np.abs(steps[:, 0])
    steps /= np.linalg.norm(steps, ord={"linf": np.inf, "l2": 2, "l1": 1}[norm], axis=1)[:, None]
    assert (far * steps @ normal).max() < 0.1


class Unreachable(Linear):
    """All features at the wall that they would have to be moved through."""

    def known(self, rng: np.random.Generator, n: int, norm: str) -> Known:
        found = super().known(rng, n, norm)
        x = np.zeros((2, 3), dtype=np.float32)
        truth = to_plane(x.astype(float), -np.ones(3), np.ones(2), norm)
        return dataclasses.replace(found, x=x, truth=truth)


def test_what_no_input_can_reach_is_infinitely_far() -> None:
    assert np.isinf(Unreachable().known(np.random.default_rng(0), 2, "linf").truth).all()


def test_each_family_states_what_it_has_to_reach() -> None:
    for family in families():
        assert isinstance(family, Family)
        assert family.name in registry.names(KIND)
        assert min(family.reaches, family.hidden) >= 0.5
        assert family.decides >= 0.6
