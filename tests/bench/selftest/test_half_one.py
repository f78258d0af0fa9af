"""Fifty models of every other family: nothing beyond the truth, and the stated share of it reached."""

from __future__ import annotations

import pytest
from held import FAMILIES, held


@pytest.mark.parametrize("name", FAMILIES[0::2])
def test_nothing_is_beyond_the_truth(name: str) -> None:
    held(name)
