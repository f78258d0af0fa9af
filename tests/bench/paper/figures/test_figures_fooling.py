"""The figure of fooling images."""

from __future__ import annotations

from figures_help import assert_sound

from bench.paper.figures.fooling import fooling
from bench.running.roster import Models


def test_fooling_images_are_boxed_where_they_fool(models: Models) -> None:
    drawn = fooling(models)
    assert_sound(drawn)
    panel = drawn.figure.axes[0]
    assert len(panel.get_yticklabels()) == 10
    assert "class aimed at" in panel.get_ylabel()
    assert panel.get_title().startswith("maxout on digits: ")
    assert not drawn.as_published  # which is CIFAR-10
    assert 0 < len(panel.patches) <= 100
    assert drawn.numbers["hardest"] <= drawn.numbers["success"] <= drawn.numbers["easiest"]
