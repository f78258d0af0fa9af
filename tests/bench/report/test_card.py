"""A record as people read it."""

from __future__ import annotations

import pytest
from handmade import record

from bench.records.record import Costs
from bench.report.card import describe


@pytest.mark.parametrize(
    ("costs", "told"),
    [
        (Costs(queries=8502), "1417 queries"),
        (Costs(gradients=120, forwards=6), "1 forwards, 20 gradients"),
        (Costs(), "nothing"),
    ],
)
def test_what_an_attack_asked_is_told_for_an_example(costs: Costs, told: str) -> None:
    lines = [line.split("  ", 1) for line in describe(record(costs=costs)).splitlines()]
    assert {name: text.strip() for name, text in lines}["cost of an example"] == told


def test_nothing_is_said_of_costs_that_are_not_known() -> None:
    assert "cost" not in describe(record())
