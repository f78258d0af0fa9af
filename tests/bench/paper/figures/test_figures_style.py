"""How figures look, whoever draws them; and what the tests take for a sound one."""

from __future__ import annotations

import numpy as np
import pytest
from figures_help import assert_sound

from bench.paper.figures.eps_trace import eps_trace
from bench.report.figure_style import Drawn, mosaic, page, png, styled
from bench.running.roster import Models


def test_one_pixel_that_is_not_finite_is_unsound() -> None:
    images = np.zeros((5, 8, 8))
    figure = page(2)
    mosaic(figure.subplots(), images, 3, (0, 1))
    assert_sound(Drawn(figure, True, "five images", {}), left_over=1)
    images[3, 2, 2] = np.nan
    figure = page(2)
    mosaic(figure.subplots(), images, 3, (0, 1))
    with pytest.raises(AssertionError):
        assert_sound(Drawn(figure, True, "five images", {}), left_over=1)


def test_a_style_of_the_users_own_changes_nothing(models: Models) -> None:
    import matplotlib

    with styled():
        plain = png(eps_trace(models).figure)
    with matplotlib.rc_context({"font.size": 20, "lines.linewidth": 9, "figure.facecolor": "red"}):
        with styled():
            assert png(eps_trace(models).figure) == plain
        assert matplotlib.rcParams["font.size"] == 20
