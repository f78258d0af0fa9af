"""The figure of three perturbations of one size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from figures_help import assert_sound, panels

from bench.draws import Draws
from bench.errors import UsageError
from bench.paper.figures.small_distances import erasure, faintest_pair, small_distances
from bench.running.roster import Models


def test_three_perturbations_of_one_size(models: Models) -> None:
    drawn = small_distances(models, norm=1.5)
    assert_sound(drawn)
    assert len([panel for panel in drawn.figure.axes if panel.get_xlabel().startswith("L2 norm 1.50")]) == 3
    assert panels(drawn.figure) == ["clean example", "+ perturbation", "= perturbed"]
    assert drawn.numbers["least_norm"] == pytest.approx(1.5, abs=1e-5)
    assert drawn.numbers["largest_norm"] == pytest.approx(1.5, abs=1e-5)
    assert f"{drawn.numbers['ink_gone']:.0%} of the ink is gone" in drawn.finding


@pytest.mark.parametrize(("norm", "shows"), [(2.0, False), (2.5, True)])
def test_rubbish_is_to_have_lost_half_of_its_ink(models: Models, norm: float, shows: bool) -> None:
    drawn = small_distances(models, norm)
    assert (drawn.numbers["ink_gone"] >= 0.5) == shows
    assert drawn.shows == shows  # of both the model has the noisy and the other class right


def test_the_pair_is_the_faintest_of_two_classes_that_far_apart() -> None:
    x = torch.tensor([[5.0, 0], [5, 2], [1, 0], [1, 2], [1, -2], [9, 9]])
    y = torch.tensor([0, 1, 0, 0, 1, 1])
    assert faintest_pair(x, y, 2.0) == (2, 4)
    with pytest.raises(UsageError, match="no two examples of different classes are 100 apart"):
        faintest_pair(x, y, 100.0)


def test_erasure_takes_pixels_to_zero_up_to_the_norm() -> None:
    image = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    change = erasure(image, 2.0, Draws(("test",), np.array([0])))
    assert float(change.norm()) == pytest.approx(2, abs=1e-5)
    left = image + change
    touched = change != 0
    assert float(left.min()) >= 0
    assert int((left[touched] > 0).sum()) <= 1  # the last pixel, in part
