"""Logits along the direction of FGSM (arXiv 1412.6572, section 8 and figure 4)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.report.figure_style import BOX, CLASSES, Drawn, beside, gray, mosaic, page
from bench.running.roster import Models
from bench.threats import norm_named
from bench.threats.base import per_example

LABEL = 4
FARTHEST = 10.0
POINTS = 801
IMAGES = 41
COLUMNS = 14


def eps_trace(models: Models) -> Drawn:
    """Logits of all classes against eps, from the first test image of a class, and the images; nothing is clipped."""
    data, model = models.dataset, models.adapter("maxout")
    index = int(np.flatnonzero(data.labels("test") == LABEL)[0])
    x = torch.from_numpy(data.examples("test", slice(index, index + 1)))
    direction = norm_named("linf").step(model.input_gradient(x, torch.tensor([LABEL])))
    eps = np.linspace(-FARTHEST, FARTHEST, POINTS)
    line = x + per_example(torch.tensor(eps, dtype=x.dtype), x) * direction
    logits = model.logits(line).detach().numpy()
    right = model.predict(line).numpy() == LABEL
    straight = straightness(eps, logits)

    figure = page(5.4)
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=[3, 1.9])[:, 0]
    above, below = upper.subplots(), lower.subplots()
    for label, name in enumerate(data.classes):
        look: dict[str, Any] = {"color": CLASSES[label % len(CLASSES)], "linestyle": "-" if label % 2 else "--"}
        if label == LABEL:
            look, name = {"color": "black", "linewidth": 2.2}, f"{name}, the true class"
        above.plot(eps, logits[:, label], label=name, **look)
    above.fill_between(
        eps, 0, 1, where=list(right), color=BOX, linewidth=0, transform=above.get_xaxis_transform(), label="label right"
    )
    above.set(xlim=(-FARTHEST, FARTHEST), xlabel="eps, in units of pixel intensity", ylabel="logit")
    beside(above, "class")
    steps = np.linspace(0, POINTS - 1, IMAGES).round().astype(int)
    pictures = gray(line[torch.from_numpy(steps)].numpy())
    mosaic(below, _each_to_its_own_range(pictures), COLUMNS, (0, 1), boxed=right[steps])
    below.set_title(
        f"the inputs, eps from {-FARTHEST:g} (upper left) to {FARTHEST:g} (lower right) in steps of "
        f"{2 * FARTHEST / (IMAGES - 1):g}; yellow box: label right;\n"
        "each image from black at its own least pixel intensity to white at its own greatest"
    )

    known = eps[right]
    where = f"from eps {known.min():.2f} to {known.max():.2f}" if len(known) else "nowhere"
    finding = (
        f"Two straight lines that meet at eps 0 explain at least {100 * straight.min():.2f}% of the variance of each "
        f"logit over eps in [{-FARTHEST:g}, {FARTHEST:g}]. The label is right {where}, {right.mean():.1%} of the way"
    )
    numbers = {"least_straight": float(straight.min()), "right": float(right.mean())}
    return Drawn(figure, bool(straight.min() >= 0.95), finding, numbers)


def straightness(eps: NDArray[np.floating[Any]], logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """`(K,)` share of the variance of each of `(N, K)` curves that two straight lines explain, joined at eps 0."""
    bent = np.stack([np.ones_like(eps), np.minimum(eps, 0), np.maximum(eps, 0)], 1)
    curves = logits.astype(np.float64)
    rest = curves - bent @ np.linalg.lstsq(bent, curves, rcond=None)[0]
    explained: NDArray[np.float64] = 1 - (rest**2).sum(0) / ((curves - curves.mean(0)) ** 2).sum(0)
    return explained


def _each_to_its_own_range(images: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Images stretched to [0, 1] one by one: at eps 10 they span twenty times what they do at 0."""
    low, high = (bound(axis=(1, 2), keepdims=True) for bound in (images.min, images.max))
    stretched: NDArray[np.floating[Any]] = (images - low) / (high - low)
    return stretched
