"""Errors over the epochs, naive beside adversarial training (Goodfellow, lecture CS231n 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from bench.report.figure_style import CLASSES, Drawn, beside, page
from bench.running.roster import Models

COLOURS = {"clean": CLASSES[1], "adversarial": CLASSES[0]}
"""By what the network is trained on."""
STYLES = {"clean": "-", "adversarial": "--"}
"""By what it is tested on."""


def curve(models: Models) -> Drawn:
    """Test errors after every epoch, clean and under the network's own FGSM, as the cards of two models tell them.

    They are `maxout-seed-1`, in place of the shipped `maxout`, whose training kept no curve, and `maxout-adversarial`.
    """
    lines, titles = {}, []
    for trained, name in (("clean", "maxout-seed-1"), ("adversarial", "maxout-adversarial")):
        card = models.card(name)
        assert card is not None
        assert card.curve is not None
        attack = card.recipe.curve
        assert attack is not None
        lines[trained, "clean"], lines[trained, "adversarial"] = card.curve.clean, card.curve.adversarial
        titles.append(
            f"{card.recipe.kind} on {card.dataset}; adversarial: FGSM on the network itself, eps {attack.eps:g}, "
            f"{'unclipped' if attack.clip is None else 'clipped'}"
        )
    last = {key: errors[-1] for key, errors in lines.items()}

    finding = (
        f"At the end of training the error under FGSM is {last['clean', 'adversarial']:.2%} for the network trained on "
        f"clean examples, {last['adversarial', 'adversarial']:.2%} for the one trained on adversarial examples; on "
        f"clean examples it is {last['clean', 'clean']:.2%} and {last['adversarial', 'clean']:.2%}; FGSM is a single "
        "step, and what an iterated attack does stands in row at-robust"
    )
    shows = (
        last["adversarial", "adversarial"] < last["clean", "adversarial"] / 2
        and last["adversarial", "clean"] <= last["clean", "clean"] + 0.005
    )
    numbers = {f"{trained}_{tested}": error for (trained, tested), error in last.items()}
    return Drawn(_plot(lines, titles[0]), shows, finding, numbers)


def _plot(lines: Mapping[tuple[str, str], Sequence[float]], title: str) -> Figure:
    """Each errors over their epochs, those that end highest first."""
    figure = page(3.2)
    panel = figure.subplots()
    for (trained, tested), errors in sorted(lines.items(), key=lambda line: -line[1][-1]):
        label = f"train {trained},\ntest {tested}: {100 * errors[-1]:.2f}%"
        percent, epochs = 100 * np.array(errors), np.arange(1, len(errors) + 1)
        panel.plot(epochs, percent, color=COLOURS[trained], linestyle=STYLES[tested], label=label)
    panel.set_yscale("log")
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))
    panel.set_ylim(top=100)
    panel.margins(x=0.01)
    panel.grid(color="#dddddd", linewidth=0.5)
    panel.set(xlabel="training time, in epochs", ylabel="test error, %", title=title)
    beside(panel, "error after the last epoch", labelspacing=1.2, handlelength=3)
    return figure
