"""The paired difference of two shares: Tango's interval and the exact test, beside textbook values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest, norm

from bench.board.paired import Paired, tango
from bench.board.statistics import ranks


@pytest.mark.parametrize(
    ("first_only", "second_only", "n", "low", "high"),
    [
        (1, 7, 21, 0.0260, 0.5172),  # airway hyper-responsiveness: Fagerland, Lydersen & Laake 2014
        (6, 16, 161, 0.0054, 0.1240),  # complete response: Fagerland, Lydersen & Laake 2017, chapter 8
        (40, 20, 160, -0.2181, -0.0309),
        (2, 12, 50, 0.0611, 0.3447),
    ],
)
def test_textbook_intervals(first_only: int, second_only: int, n: int, low: float, high: float) -> None:
    assert tango(first_only, second_only, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("n", [1, 10, 5000])
def test_an_interval_has_a_width_where_nothing_is_discordant(n: int) -> None:
    """There the score test is that of a share of 0: z2 / (n + z2), the end of Wilson's interval."""
    z2 = norm.ppf(0.975) ** 2
    assert tango(0, 0, n) == pytest.approx((-z2 / (n + z2), z2 / (n + z2)))


def test_the_ends_are_exact_where_they_are_known() -> None:
    assert tango(0, 0, 0) == (-1.0, 1.0)
    assert tango(0, 7, 7)[1] == 1.0
    assert tango(7, 0, 7)[0] == -1.0


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int, int]:
    n = draw(st.integers(1, 3000))
    first = draw(st.integers(0, n))
    return first, draw(st.integers(0, n - first)), n


@settings(deadline=None)
@given(counts())
def test_tango_by_the_closed_form(given: tuple[int, int, int]) -> None:
    """The ends are roots of a polynomial of degree four (Yang, Sun & Hardin 2013), built here as the score equation."""
    first, second, n = given
    z2 = norm.ppf(0.975) ** 2
    for end in tango(first, second, n):
        if -1 < end < 1 and first + second:
            # With p the likeliest share of `first` alone, gap^2 = z^2 * n * (2 p + d (1 - d)).
            a, b, c = 2 * n, -first - second + (2 * n - second + first) * end, -first * end * (1 - end)
            share = (np.sqrt(max(b * b - 4 * a * c, 0)) - b) / (2 * a)
            gap = second - first - n * end
            assert gap**2 == pytest.approx(z2 * n * (2 * share + end * (1 - end)), rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(counts())
def test_the_interval_holds_the_difference_and_turns_with_its_sides(given: tuple[int, int, int]) -> None:
    first, second, n = given
    low, high = tango(first, second, n)
    assert low <= (second - first) / n + 1e-12
    assert high >= (second - first) / n - 1e-12
    assert tango(second, first, n) == (-high, -low)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 40).flatmap(lambda n: st.tuples(*[arrays(bool, n)] * 2)))
def test_compared_the_other_way_round_everything_turns(masks: tuple[np.ndarray, np.ndarray]) -> None:
    one, other = Paired.of(*masks), Paired.of(*reversed(masks))
    assert (one.baseline, one.candidate, one.n) == (other.candidate, other.baseline, other.n)
    assert one.lost.tolist() == other.gained.tolist()
    assert one.difference == -other.difference
    assert one.interval == tuple(-end for end in reversed(other.interval))
    assert one.p_value == other.p_value
    if discordant := len(one.lost) + len(one.gained):
        assert one.p_value == pytest.approx(binomtest(len(one.lost), discordant).pvalue)


@settings(deadline=None, max_examples=50)
@given(arrays(bool, (5, 60)), st.permutations(range(5)))
def test_ranks_do_not_depend_on_the_order_of_the_models(robust: np.ndarray, order: list[int]) -> None:
    first = ranks(list(robust))
    assert ranks([robust[place] for place in order]) == [first[place] for place in order]
