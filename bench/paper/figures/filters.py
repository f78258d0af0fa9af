"""First-layer filters, naive beside adversarially trained (arXiv 1412.6572, section 6 and figure 3)."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bench.errors import UsageError
from bench.report.figure_style import Drawn, gray, mosaic, page
from bench.running.roster import Models

SIDE = 8
"""Filters along a side of a panel."""


def filters(models: Models) -> Drawn:
    """The first piece of the first units of `maxout` and of `maxout-adversarial`; UsageError where one has none."""
    shape = models.dataset.input_shape
    naive, trained = (first_weights(models, name).reshape(-1, *shape) for name in ("maxout", "maxout-adversarial"))
    figure = page(4.35)
    extents = []
    for panel, weights, title in zip(figure.subplots(1, 2), (naive, trained), ("naive", "adversarial"), strict=True):
        shown = gray(weights)[: SIDE * SIDE]
        extents.append(float(np.median(extent(weights.reshape(len(weights), -1)))))
        largest = float(np.quantile(np.abs(shown), 0.995))
        drawn = mosaic(panel, shown, SIDE, (-largest, largest))
        panel.set_title(f"{title} training; median filter covers {extents[-1]:.0%} of the image")
        figure.colorbar(
            drawn, ax=panel, location="bottom", label="weight", shrink=0.7, extend="both", ticks=MaxNLocator(4)
        )

    before, after = extents
    finding = (
        f"The median filter covers {before:.1%} of the image after naive training, {after:.1%} after adversarial "
        "training, measured by its participation ratio"
    )
    return Drawn(figure, after < before, finding, {"naive": before, "adversarial": after})


def first_weights(models: Models, name: str) -> NDArray[np.float32]:
    """`(units, features)` the first piece of every unit of the first layer.

    Raises UsageError for what is no network of ours, or has no such layer.
    """
    net: Any = getattr(models.adapter(name), "net", None)
    try:
        weights: NDArray[np.float32] = net.first_weights()[0].cpu().numpy()
    except (AttributeError, TypeError):
        raise UsageError(f"model {name} has no first layer of weights to draw") from None
    return weights


def extent(weights: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """`(N,)` participation ratio of `(N, features)`: 1 where all weights are alike in size, 1 / features for one."""
    squares = weights.astype(np.float64) ** 2
    ratio: NDArray[np.floating[Any]] = squares.sum(1) ** 2 / (squares**2).sum(1) / weights.shape[1]
    return ratio
