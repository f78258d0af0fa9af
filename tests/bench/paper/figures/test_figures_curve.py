"""The figure of learning curves."""

from __future__ import annotations

import numpy as np
import pytest
from figures_help import CURVES, assert_sound, texts, with_cards

from bench.datasets import open_dataset
from bench.paper.figures.curve import curve
from bench.running.roster import Models


@pytest.fixture
def curved(monkeypatch: pytest.MonkeyPatch) -> Models:
    """Models whose cards tell of three epochs."""
    with_cards(monkeypatch, **CURVES)
    return Models(open_dataset("mnist"), "cpu")


def test_errors_are_drawn_over_the_epochs(curved: Models) -> None:
    drawn = curve(curved)
    assert_sound(drawn)
    (panel,) = drawn.figure.axes
    assert panel.get_yscale() == "log"
    assert "training time, in epochs" in texts(drawn.figure)
    assert panel.get_title() == "maxout on mnist; adversarial: FGSM on the network itself, eps 0.25, unclipped"
    assert drawn.finding.endswith("FGSM is a single step, and what an iterated attack does stands in row at-robust")
    legend = panel.get_legend()
    assert legend is not None
    assert [text.get_text().replace("\n", " ") for text in legend.get_texts()] == [
        "train clean, test adversarial: 88.00%",
        "train adversarial, test adversarial: 18.00%",
        "train clean, test clean: 1.10%",
        "train adversarial, test clean: 0.90%",
    ]
    for line in panel.lines:
        np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(panel.lines[1].get_ydata(), [70, 30, 18])
    trained_alike = [panel.lines[0].get_color() == line.get_color() for line in panel.lines]
    tested_alike = [panel.lines[0].get_linestyle() == line.get_linestyle() for line in panel.lines]
    assert trained_alike == [True, False, True, False]
    assert tested_alike == [True, True, False, False]


@pytest.mark.parametrize(
    ("adversarial", "clean", "shows"),
    [(0.43, 0.009, True), (0.45, 0.009, False), (0.18, 0.0155, True), (0.18, 0.0165, False)],
)
def test_adversarial_training_is_to_halve_the_error_under_attack_and_to_keep_the_clean_one(
    monkeypatch: pytest.MonkeyPatch, adversarial: float, clean: float, shows: bool
) -> None:
    with_cards(monkeypatch, naive=CURVES["naive"], trained=([0.1, clean], [0.9, adversarial]))
    drawn = curve(Models(open_dataset("mnist"), "cpu"))
    assert drawn.shows == shows
    assert drawn.numbers == {
        "clean_clean": 0.011,
        "clean_adversarial": 0.88,
        "adversarial_clean": clean,
        "adversarial_adversarial": adversarial,
    }
    for error in drawn.numbers.values():
        assert f"{error:.2%}" in drawn.finding
