"""Intervals and paired tests, against SciPy's and against numbers worked out elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from bench.board.statistics import holm, mcnemar, mcnemar_greater, ranks, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(7100, 10_000, 70.10, 71.88), (10_000, 10_000, 99.96, 100.0), (0, 10_000, 0.0, 0.04), (1, 2, 9.45, 90.55)],
)
def test_wilson_golden_numbers(successes: int, n: int, low: float, high: float) -> None:
    assert [100 * end for end in wilson(successes, n)] == pytest.approx([low, high], abs=0.005)


@settings(deadline=None)
@given(data=st.data(), n=st.integers(1, 5000))
def test_wilson_is_scipys(data: st.DataObject, n: int) -> None:
    k = data.draw(st.integers(0, n))
    expected = binomtest(k, n).proportion_ci(method="wilson")
    assert wilson(k, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_is_exact_where_the_end_is_known() -> None:
    assert wilson(0, 3)[0] == 0.0
    assert wilson(3, 3)[1] == 1.0
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("first", "second", "p"), [(100, 150, 0.0019), (500, 550, 0.13)])
def test_mcnemar_golden_numbers(first: int, second: int, p: float) -> None:
    """Equal gaps of 50 examples in 10,000: what counts is how many are discordant."""
    assert mcnemar(first, second) == pytest.approx(p, rel=0.03)


@settings(deadline=None)
@given(first=st.integers(0, 400), second=st.integers(0, 400))
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int) -> None:
    if first + second == 0:
        assert mcnemar(0, 0) == mcnemar_greater(0, 0) == 1.0
        return
    n = first + second
    assert mcnemar(first, second) == pytest.approx(binomtest(first, n).pvalue, rel=1e-9)
    assert mcnemar_greater(first, second) == pytest.approx(binomtest(first, n, alternative="greater").pvalue, rel=1e-9)


def test_holm() -> None:
    """The smallest p value times their number, the next times one less, and never below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_the_order_and_never_lowers(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(before <= after <= 1 for before, after in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.asarray(adjusted)[order]) >= 0).all()


def robust(n: int, right: int) -> np.ndarray:
    return np.arange(n) < right


def test_ranks_count_the_models_that_are_significantly_better() -> None:
    assert ranks([robust(200, 150), robust(200, 180), robust(200, 20)]) == [2, 1, 3]


def test_models_that_cannot_be_told_apart_share_a_rank() -> None:
    """b cannot be told from a nor from c, though a is better than c: that is not transitive, and both share."""
    a, b, c = robust(200, 150), robust(200, 145), robust(200, 140)
    assert mcnemar(5, 0) > 0.05 / 2
    assert ranks([a, b, c]) == [1, 1, 2]


def test_many_comparisons_are_corrected_for() -> None:
    """Seven discordant examples are significant for two models, not for eight."""
    pair = [robust(200, 150), robust(200, 143)]
    assert ranks(pair) == [1, 2]
    assert ranks([*pair, *[robust(200, 150)] * 6])[1] == 1


def test_a_single_model_is_first() -> None:
    assert ranks([robust(10, 0)]) == [1]
    assert ranks([]) == []
