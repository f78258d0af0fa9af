"""Logistic regression, whose FGSM is the sign of its weights (arXiv 1412.6572, section 5 and figure 2)."""

from __future__ import annotations

import numpy as np
import torch

from bench.report.figure_style import DIVERGING, Drawn, gray, mosaic, page, picture
from bench.running.roster import Models
from bench.threats import Threat
from bench.threats.base import per_example

EPS = 0.25
THREAT = Threat(norm="linf", eps=EPS)
SIDE = 6
"""Images along a side of a panel; the upper half of them is of the first class."""


def logistic_regression(models: Models) -> Drawn:
    """Weights and their signs, clean examples of both classes, and their FGSM versions, unclipped.

    The model `logistic-regression` may be any linear one of two classes: its weights are the gradient of its margin.
    """
    data, model = models.dataset, models.adapter("logistic-regression")
    x = torch.from_numpy(data.examples("test", slice(None)))
    y = torch.tensor(data.labels("test"))
    weights = model.input_gradient(x[:1], torch.zeros_like(y[:1]), "margin")
    direction = THREAT.step(model.input_gradient(x, y))
    attacked = THREAT.moved(x, direction)
    towards = per_example(torch.where(y == 0, 1.0, -1.0), x)
    same = float((direction == towards * weights.sign())[direction != 0].double().mean())
    clean, fooled = (float((model.predict(batch) != y).double().mean()) for batch in (x, attacked))

    half = SIDE * SIDE // 2
    chosen = torch.cat([(y == label).nonzero()[:half, 0] for label in (0, 1)])
    first, second = data.classes
    figure = page(2.7)
    panels = figure.subplots(1, 4)
    image = gray(weights.numpy())[0]
    largest = float(np.abs(image).max())
    shown = [
        picture(panels[0], image, -largest, largest, DIVERGING),
        picture(panels[1], np.sign(image), -1, 1, DIVERGING),
        mosaic(panels[2], gray(x[chosen].numpy()), SIDE, (-EPS, 1 + EPS)),
        mosaic(panels[3], gray(attacked[chosen].numpy()), SIDE, (-EPS, 1 + EPS)),
    ]
    told = [
        ("weights", f"weight, > 0 for {second}", None),
        ("sign of the weights", "sign", [-1, 0, 1]),
        (f"clean, error {clean:.2%}", "pixel intensity", [0, 0.5, 1]),
        (f"FGSM {EPS:g}, unclipped,\nerror {fooled:.2%}", "pixel intensity", [0, 0.5, 1]),
    ]
    for panel, drawn, (title, label, ticks) in zip(panels, shown, told, strict=True):
        panel.set_title(title)
        figure.colorbar(drawn, ax=panel, location="bottom", label=label, ticks=ticks, shrink=0.9)

    finding = (
        f"FGSM moves {same:.1%} of the pixels that have a weight along the sign of that weight, up for {first} and "
        f"down for {second}. With eps {EPS:g}, unclipped, it takes the error from {clean:.2%} to {fooled:.2%}"
    )
    numbers = {"clean_error": clean, "fgsm_error": fooled, "same_direction": same}
    return Drawn(figure, same == 1 and fooled >= 0.9 and clean <= 0.1, finding, numbers)
