"""Pictures of brackets: what is proved below, what the attacks leave above, a panel for each model."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.report.bracket_figure import board_figure


def bracket(model: str, eps: float, attacked: float, certified: float | None, n: int = 200) -> Any:
    ends = dict.fromkeys(("ci_low", "ci_high"), attacked) | dict.fromkeys(
        ("certified_low", "certified_high"), certified
    )
    head = {"model": model, "suite": "s", "version": 1, "norm": "linf", "n": n, "clean_accuracy": 0.9}
    return SimpleNamespace(**head, **ends, eps=eps, robust_accuracy=attacked, certified=certified)


@pytest.mark.parametrize("models", [1, 3, 4, 5])
def test_every_model_has_its_panel(models: int) -> None:
    figure = board_figure([[bracket(f"m{number}", 0.1, 0.5, 0.25, 1000)] for number in range(models)])
    assert [panel.get_title() for panel in figure.axes] == [f"m{number}\nn = 1,000" for number in range(models)]


def test_lines_begin_at_the_clean_accuracy_and_go_through_what_was_measured() -> None:
    (panel,) = board_figure([[bracket("m", 0.1, 0.6, 0.4), bracket("m", 0.2, 0.3, 0.0)]]).axes
    lines = {str(line.get_label()): line for line in panel.get_lines()}
    np.testing.assert_allclose(lines["attacked"].get_xdata(), [0, 0.1, 0.2])
    np.testing.assert_allclose(lines["attacked"].get_ydata(), [90, 60, 30])
    np.testing.assert_allclose(lines["certified"].get_ydata(), [90, 40, 0])


def test_a_model_that_nothing_certifies_is_open_below_and_said_to_be() -> None:
    figure = board_figure([[bracket("m", 0.1, 0.6, None)], [bracket("k", 0.1, 0.6, 0.1)]])
    assert [str(line.get_label()) for line in figure.axes[0].get_lines()] == ["attacked"]
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == ["open: nothing certifies it", "attacked", "open", "certified"]
