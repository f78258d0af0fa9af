"""The figure of logits over eps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from figures_help import assert_sound

from bench.paper.figures.eps_trace import eps_trace, straightness
from bench.running.roster import Models


def test_logits_are_traced_over_eps(models: Models) -> None:
    drawn = eps_trace(models)
    assert_sound(drawn, left_over=1)
    above, below = drawn.figure.axes
    assert "each image from black at its own least pixel intensity to white" in below.get_title()
    assert len(above.lines) == 10
    assert above.get_xlim() == (-10, 10)
    assert above.get_xlabel() == "eps, in units of pixel intensity"
    assert above.get_ylabel() == "logit"
    legend = above.get_legend()
    assert legend is not None
    assert "4, the true class" in [text.get_text() for text in legend.get_texts()]
    assert drawn.numbers["least_straight"] > 0.95  # a maxout network is piecewise linear
    middle = above.lines[4].get_ydata()
    x = torch.from_numpy(models.dataset.examples("test", slice(None)))[models.dataset.labels("test") == 4][:1]
    assert float(np.asarray(middle)[400]) == pytest.approx(float(models.adapter("maxout").logits(x)[0, 4]), rel=1e-4)


def test_two_lines_that_meet_at_zero_are_straight_and_a_parabola_is_not() -> None:
    eps = np.linspace(-10, 10, 101)
    found = straightness(eps, np.stack([np.abs(eps), 3 * eps - 1, np.sin(eps)], 1))
    assert found[:2] == pytest.approx(1)
    assert found[2] < 0.5
