"""Randomness of one example alone: the same in every batch, order, run and version."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import kstest

from bench.draws import Draws

KEY = (0, "checksum", "fgsm", 1)


def drawn(indices: Any, key: tuple[Any, ...] = KEY) -> Draws:
    return Draws(key, np.asarray(indices, dtype=np.int64))


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=8, unique=True))
def test_an_example_has_its_own_stream(indices: list[int]) -> None:
    together = drawn(indices).uniform((2, 3))
    for row, index in enumerate(indices):
        assert np.array_equal(together[row], drawn([index]).uniform((2, 3))[0])


def test_the_values_never_change() -> None:
    """Published noise must be made again by anybody. If this fails, mend the program, not the numbers."""
    assert drawn([0, 7]).uniform((2,)).tolist() == UNIFORM
    assert drawn([7]).uniform((1,), draw=3).tolist() == [[THIRD]]
    assert drawn([3, 4, 5, 6]).classes(np.array([0, 1, 2, 3]), 10).tolist() == CLASSES


UNIFORM = [[0.38389235221306434, 0.20794617568395152], [0.7479615364977781, 0.5249525983467682]]
THIRD = 0.9519784328387839
CLASSES = [9, 0, 0, 0]


@pytest.mark.parametrize(
    "key",
    [(1, *KEY[1:]), (0, "other", "fgsm", 1), (0, "checksum", "noise", 1), (0, "checksum", "fgsm", 2)],
    ids=["seed", "dataset", "attack", "revision"],
)
def test_each_part_of_the_key_gives_another_stream(key: tuple[Any, ...]) -> None:
    assert not np.array_equal(drawn([0], key).uniform((4,)), drawn([0]).uniform((4,)))


def test_draws_and_examples_do_not_overlap() -> None:
    """A stream that ran into the next example's would repeat its numbers."""
    values = np.concatenate([drawn(range(20)).uniform((500,), draw).ravel() for draw in range(3)])
    assert len(np.unique(values)) == len(values)


def test_uniform() -> None:
    values = drawn(range(200)).uniform((50,))
    assert values.shape == (200, 50)
    assert values.dtype == np.float64
    assert 0 < values.min() < 0.001
    assert 0.999 < values.max() < 1
    assert kstest(values.ravel(), "uniform").pvalue > 0.01
    correlation = np.corrcoef(values[:-1].ravel(), values[1:].ravel())[0, 1]
    assert abs(correlation) < 0.03


def test_normal_is_the_quantile_of_uniform() -> None:
    values = drawn(range(200)).normal((5, 10))
    assert np.array_equal(values, ndtri(drawn(range(200)).uniform((5, 10))))
    assert kstest(values.ravel(), "norm").pvalue > 0.01


def test_signs() -> None:
    values = drawn(range(200)).signs((50,))
    assert set(np.unique(values)) == {-1.0, 1.0}
    assert abs(values.mean()) < 0.03


@given(size=st.integers(2, 12), seed=st.integers(0, 99))
def test_classes_are_others_than_the_true_one(size: int, seed: int) -> None:
    y = np.arange(60) % size
    goals = drawn(range(60), (seed,)).classes(y, size)
    assert ((goals >= 0) & (goals < size) & (goals != y)).all()


def test_every_other_class_has_the_same_chance() -> None:
    goals = drawn(range(9000)).classes(np.zeros(9000, dtype=np.int64), 10)
    counts = np.bincount(goals, minlength=10)
    assert counts[0] == 0
    assert abs(counts[1:] - 1000).max() < 120
