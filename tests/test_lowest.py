"""The lowest versions that are claimed, which `make test-lowest` installs."""

from __future__ import annotations

import pytest
from lowest import claims

PROJECT = """\
[project]
dependencies = ["numpy>=1.26", "scipy>=1.11.2"]
[project.optional-dependencies]
figures = ["matplotlib>=3.8"]
dev = ["wheel", "matplotlib>=3.8"]
"""


def test_every_bound_is_a_version() -> None:
    assert claims(PROJECT) == {"numpy": "1.26", "scipy": "1.11.2", "matplotlib": "3.8"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"wheel"', '"numpy>=2"', "numpy is bound by both 1.26 and 2"),
        ("numpy>=1.26", "numpy", "numpy has no lower bound"),
        ("numpy>=1.26", "numpy>=1.26,<3", "numpy>=1.26,<3 is no plain NAME>=VERSION"),
    ],
)
def test_what_cannot_be_tested_is_no_claim(old: str, new: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        claims(PROJECT.replace(old, new))


def test_what_users_install_has_bounds() -> None:
    """And each can be tested: this raises where one cannot."""
    found = claims()
    assert {"numpy", "scikit-learn", "torch", "typer", "matplotlib", "xgboost"} <= set(found)
