"""Sizes and threats as plain values."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bench.threats import Criterion, Threat, parse_epsilon


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.1, 0.1), (1, 1.0), ("8/255", 8 / 255), ("1e-3", 0.001), (" .3 ", 0.3), ("1/3", 1 / 3), ("2.5/10", 0.25)],
)
def test_sizes(value: Any, expected: float) -> None:
    assert parse_epsilon(value) == expected


@pytest.mark.parametrize(
    "value",
    [0, -0.1, "abc", "", "8/", "/255", "1/0", "1/2/3", "nan", "inf", float("nan"), float("inf"), True, None, [0.1]],
)
def test_what_is_no_size_is_refused_with_the_remedy(value: Any) -> None:
    with pytest.raises(ValueError, match=r"eps .*8/255 or 1e-3"):
        parse_epsilon(value)


LINF = Threat(norm="linf", eps=0.2, clip=(0, 1))


@pytest.mark.parametrize(
    ("inner", "outer", "within"),
    [
        (LINF, LINF, True),
        (Threat(norm="linf", eps=0.1, clip=(0, 1)), LINF, True),
        (Threat(norm="linf", eps=0.3, clip=(0, 1)), LINF, False),
        (Threat(norm="l2", eps=0.1, clip=(0, 1)), LINF, False),
        (Threat(norm="linf", eps=0.1), LINF, False),
        (Threat(norm="linf", eps=0.1, clip=(0, 255)), LINF, False),
        (LINF, Threat(norm="linf", eps=0.2), True),
        (Threat(), Threat(), False),
        (Threat(), LINF, False),
    ],
)
def test_within(inner: Threat, outer: Threat, within: bool) -> None:
    assert inner.within(outer) is within


def test_threats_are_values() -> None:
    assert len({LINF, Threat(norm="linf", eps=0.2, clip=(0, 1)), Threat()}) == 2
    with pytest.raises(ValidationError):
        LINF.eps = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1.0])
def test_a_threshold_is_a_probability(threshold: float) -> None:
    with pytest.raises(ValidationError):
        Criterion(kind="confident", threshold=threshold)
