"""What the tests of figures import: cards with learning curves, and what is looked for in a drawing."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from bench import zoo
from bench.report.figure_style import MARGIN, Drawn
from bench.zoo.cards import Card, LearningCurve

CURVES = {
    "naive": ([0.05, 0.02, 0.011], [0.97, 0.9, 0.88]),
    "trained": ([0.06, 0.015, 0.009], [0.7, 0.3, 0.18]),
}
"""Errors after three epochs, clean and adversarial."""


def with_cards(monkeypatch: pytest.MonkeyPatch, **curves: tuple[list[float], list[float]] | None) -> None:
    """Let the models of the figure of learning curves, `naive` and `trained`, have cards with these."""
    shipped = zoo.card("mnist", "maxout")
    assert shipped is not None
    cards: dict[str, Card] = {"maxout": shipped}
    for role, name in (("naive", "maxout-seed-1"), ("trained", "maxout-adversarial")):
        if role in curves:
            told = curves[role]
            errors = None if told is None else LearningCurve(clean=tuple(told[0]), adversarial=tuple(told[1]))
            cards[name] = shipped.model_copy(update={"curve": errors, "recipe": zoo.recipe("mnist", name)})
    monkeypatch.setattr(zoo, "card", lambda dataset, name, budget="full": cards.get(name))


def panels(figure: Figure) -> list[str]:
    """What the panels with a title are called; colour bars have none."""
    return [panel.get_title() for panel in figure.axes if panel.get_title()]


def texts(figure: Figure) -> set[str]:
    """All labels of all axes."""
    found = {text for panel in figure.axes for text in (panel.get_xlabel(), panel.get_ylabel())}
    return found | {text.get_text() for part in (figure, *figure.subfigs) for text in part.texts}


def assert_sound(drawn: Drawn, left_over: int = 0) -> None:
    """Numbers are finite, and so is all that is drawn, save the margins of mosaics.

    Args:
        drawn: of digits.
        left_over: places at the end of a mosaic, which has no image for them.
    """
    assert drawn.finding
    assert all(np.isfinite(value) for value in drawn.numbers.values())
    for panel in drawn.figure.axes:
        for line in panel.lines:
            assert np.isfinite(line.get_ydata()).all()
        for image in panel.images:
            finite = np.isfinite(np.ma.filled(image.get_array(), np.nan))
            if not finite.all():
                np.testing.assert_array_equal(finite, images_of(finite.shape, left_over))


def images_of(shape: tuple[int, ...], left_over: int) -> np.ndarray:
    """Which pixels of a mosaic of digits, `(H, W)`, belong to images."""
    tile = np.pad(np.ones((8, 8), bool), MARGIN)
    rows, columns = (side // len(tile) for side in shape)
    found = np.tile(tile, (rows, columns))
    if left_over:
        found[-len(tile) :, -left_over * len(tile) :] = False
    return found
