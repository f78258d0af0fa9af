"""Rubbish that a model takes for a class of its own (arXiv 1412.6572, appendix A and figure 5)."""

from __future__ import annotations

import numpy as np
import torch

from bench.attacks.fooling import CONFIDENT, Fooling
from bench.draws import Draws
from bench.report.figure_style import MARGIN, Drawn, bare, gray, mosaic, page
from bench.running.roster import Models
from bench.threats import Threat

ATTACK = Fooling(step="sign", step_size=0.25)
SAMPLES = 100
"""A class, of which the first are shown."""
COLUMNS = 10


def fooling(models: Models) -> Drawn:
    """Gaussian samples after one gradient sign step, a row a class; boxed where the model is sure of that class."""
    data, model = models.dataset, models.adapter("maxout")
    size = len(data.classes)
    draws = Draws(("figure", data.checksum, ATTACK.name, ATTACK.revision), np.arange(SAMPLES * size))
    nothing = torch.zeros(SAMPLES * size, *data.input_shape)
    blank = torch.zeros(len(nothing), dtype=torch.int64)
    goals = ATTACK.goals(model, nothing, blank, draws)
    (images,) = ATTACK.craft(model, nothing, blank, goals, [Threat()], draws)
    probabilities = model.probabilities(images)
    assert probabilities is not None
    fooled = ((probabilities.argmax(1) == goals) & (probabilities.amax(1) > CONFIDENT)).numpy()
    classes = goals.numpy()
    rates = np.array([fooled[classes == label].mean() for label in range(size)])

    shown = np.concatenate([np.flatnonzero(classes == label)[:COLUMNS] for label in range(size)])
    figure = page(5.3)
    panel = figure.subplots()
    drawn = mosaic(panel, gray(images.numpy()[shown]), COLUMNS, (-3, 3), boxed=fooled[shown])
    bare(panel)
    middles = (np.arange(size) + 0.5) * (data.input_shape[1] + 2 * MARGIN) - 0.5
    named = zip(data.classes, rates, strict=True)
    panel.set_yticks(middles, [f"{name}  ({rate:.0%})" for name, rate in named], fontsize=8)
    panel.tick_params(length=0)
    panel.set_ylabel(f"class aimed at (success over {SAMPLES} samples)")
    panel.set_title(
        f"maxout on {data.name}: N(0, I) and one gradient sign step of {ATTACK.step_size:g};\n"
        f"yellow box: taken for the class with probability above {CONFIDENT:g}"
    )
    figure.colorbar(drawn, ax=panel, label="pixel intensity", shrink=0.6)

    mean = float(rates.mean())
    best, worst = int(rates.argmax()), int(rates.argmin())
    finding = (
        f"One gradient sign step of {ATTACK.step_size:g} makes {mean:.1%} of Gaussian samples pass for the class aimed "
        f"at, with a probability above {CONFIDENT:g}: {rates[best]:.0%} for {data.classes[best]}, the easiest, "
        f"{rates[worst]:.0%} for {data.classes[worst]}, the hardest; {data.name} in place of CIFAR-10, and every class "
        "in place of airplane"
    )
    numbers = {"success": mean, "easiest": float(rates[best]), "hardest": float(rates[worst])}
    return Drawn(figure, mean >= 0.5, finding, numbers, as_published=False)
