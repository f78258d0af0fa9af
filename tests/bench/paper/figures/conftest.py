"""What the tests of figures share: the style that figures are drawn in, and models of a moment."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench import zoo
from bench.datasets import Dataset
from bench.report.figure_style import styled
from bench.running.roster import Models


@pytest.fixture(scope="module", autouse=True)
def style() -> Iterator[None]:
    with styled():
        yield


@pytest.fixture(scope="module")
def models(digits: Dataset) -> Models:
    """The digits' own maxout network, twice: nothing here is trained adversarially."""
    found = Models(digits, "cpu")
    found.add_guest("maxout-adversarial", lambda: zoo.load("digits", "maxout"))
    return found
