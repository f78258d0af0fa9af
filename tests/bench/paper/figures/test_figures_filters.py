"""The figure of first-layer filters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from figures_help import assert_sound, panels

from bench.datasets import Dataset
from bench.errors import UsageError
from bench.paper.figures.filters import extent, filters
from bench.running.roster import Models


def test_filters_stand_side_by_side(models: Models) -> None:
    drawn = filters(models)
    assert_sound(drawn)
    naive, adversarial = panels(drawn.figure)
    assert naive.startswith("naive training")
    assert adversarial.startswith("adversarial training")
    assert drawn.numbers["naive"] == drawn.numbers["adversarial"]  # one model is both here
    assert not drawn.shows


def test_filters_need_a_network(digits: Dataset, digits_net: torch.nn.Module) -> None:
    guests = Models(digits, "cpu")
    guests.add_guest("maxout-adversarial", lambda: digits_net)
    with pytest.raises(UsageError, match="maxout-adversarial has no first layer"):
        filters(guests)


def test_extent_is_the_share_of_pixels_that_matter() -> None:
    weights = np.array([[1.0, 1, 1, 1], [0, 0, 0, 3], [2, -2, 0, 0]])
    np.testing.assert_allclose(extent(weights), [1, 0.25, 0.5])
