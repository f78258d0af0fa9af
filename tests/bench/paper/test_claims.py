"""Claims say what they compare, and nothing else is a claim."""

from __future__ import annotations

import pytest

from bench.paper.claims import parse


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("error >= 0.8", True),
        ("error >= 0.9", True),
        ("error > 0.9", False),
        ("error <= 0.9 and error < 1", True),
        ("error > noise", True),
        ("error > noise + 0.7", True),
        ("error > noise + 0.8", False),
        ("noise < error and error < noise", False),
        ("0.5 < error", True),
        ("units-240 < 0.5", None),
        ("error > 0.95 and units-240 < 0.5", None),
    ],
)
def test_a_claim_holds_fails_or_is_not_known(text: str, holds: bool | None) -> None:
    assert parse(text).holds({"error": 0.9, "noise": 0.125}) is holds


def test_it_names_the_numbers_that_it_speaks_of() -> None:
    assert parse("error > noise + 0.1 and units-240 <= 1").names == {"error", "noise", "units-240"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "error",
        "error = 1",
        "error > ",
        "error > noise + more",
        "error > 1e-3",
        "a > b or b > a",
        "__x > 1",
        "(a > b) > 1",
        "a > True",
    ],
)
def test_anything_else_is_no_claim(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no comparison|is neither the name"):
        parse(text)
