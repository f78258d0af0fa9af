"""Class regions on planes through examples (Goodfellow, lecture CS231n 2017, maps of cross-sections)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from torch import Tensor

from bench.draws import Draws
from bench.report.figure_style import CLASSES, Drawn, bare, key, page
from bench.running.roster import Models
from bench.threats import norm_named
from bench.threats.base import per_example

FARTHEST = 0.5
POINTS = 81
ROWS, COLUMNS = 2, 6


def maps(models: Models) -> Drawn:
    """Planes spanned by the direction of FGSM and a random one, and by two random ones; white is the true class.

    One unit along either axis is a step as long as FGSM with eps 1, so that both show perturbations of one L2 norm.
    The examples are the first of the test split that the model labels rightly.
    """
    data, model = models.dataset, models.adapter("maxout")
    count = ROWS * COLUMNS
    pool = torch.from_numpy(data.examples("test", slice(0, 10 * count)))
    truth = torch.tensor(data.labels("test")[: 10 * count])
    chosen = (model.predict(pool) == truth).nonzero()[:count, 0]
    x, y = pool[chosen], truth[chosen]
    signs = norm_named("linf").step(model.input_gradient(x, y))
    draws = Draws(("figure", data.checksum, "maps"), chosen.numpy())
    first, second = (torch.tensor(draws.normal(data.input_shape, draw), dtype=x.dtype) for draw in (0, 1))
    planes = {
        f"adversarial: FGSM direction (across) by a random one, {POINTS} x {POINTS} points each": (signs, first),
        "random: two random directions": (first, second),
    }

    figure = page(5.4)
    halves = figure.subfigures(2, 1, squeeze=False)[:, 0]
    wrong, present = [], set()
    for half, (title, (across, up)) in zip(halves, planes.items(), strict=True):
        half.suptitle(title, fontsize=8)
        panels = half.subplots(ROWS, COLUMNS, sharex=True, sharey=True)
        lengths = signs.flatten(1).norm(dim=1)
        labels = list(regions(model.predict, x, *orthogonal(across, up, lengths)))
        for panel, seen, true in zip(panels.flat, labels, y.tolist(), strict=True):
            _show(panel, seen, true, data.classes[true])
            present |= set(np.unique(seen[seen != true]).tolist())
        panels[0, 0].set(xticks=[-FARTHEST, 0, FARTHEST], yticks=[-FARTHEST, 0, FARTHEST])
        half.supxlabel("size along the first direction, as eps of FGSM", fontsize=7)
        half.supylabel("along the second", fontsize=7)
        wrong.append(np.mean([(seen != true).mean() for seen, true in zip(labels, y.tolist(), strict=True)]))
    title = "wrong class (white: the true one, named above each map; dot: the example)"
    key(figure, data.classes, sorted(present), loc="outside lower center", ncols=len(present), title=title)

    adversarial, random = (float(share) for share in wrong)
    finding = (
        f"Of planes through {count} examples, to {FARTHEST:g} on either side, {adversarial:.1%} is labelled wrongly "
        f"where one direction is that of FGSM, {random:.1%} where both are random"
    )
    return Drawn(figure, adversarial > 2 * random, finding, {"adversarial": adversarial, "random": random})


def orthogonal(across: Tensor, up: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The directions, `(N, *shape)`, made orthogonal, `across` kept, and both of these `(N,)` L2 norms."""
    one, other = (direction.flatten(1).double() for direction in (across, up))
    one = one / one.norm(dim=1, keepdim=True)
    other = other - (other * one).sum(1, keepdim=True) * one
    other = other / other.norm(dim=1, keepdim=True)
    scaled = (lengths[:, None] * direction for direction in (one, other))
    first, second = (direction.to(across.dtype).reshape(across.shape) for direction in scaled)
    return first, second


def regions(predict: Callable[[Tensor], Tensor], x: Tensor, across: Tensor, up: Tensor) -> Iterator[NDArray[np.int64]]:
    """`(POINTS, POINTS)` labels on the plane through each example, rows from the lowest up."""
    steps = torch.linspace(-FARTHEST, FARTHEST, POINTS, dtype=x.dtype)
    rows, columns = (per_example(grid, x) for grid in torch.meshgrid(steps, steps, indexing="ij"))
    for point, one, other in zip(x, across, up, strict=True):
        yield predict(point + columns * one + rows * other).numpy().reshape(POINTS, POINTS)


def _show(panel: Any, seen: NDArray[np.int64], true: int, name: str) -> None:
    colours = np.array([to_rgb(colour) for colour in CLASSES])[seen % len(CLASSES)]
    colours[seen == true] = 1.0
    bare(panel)
    panel.imshow(colours, origin="lower", extent=(-FARTHEST, FARTHEST, -FARTHEST, FARTHEST))
    panel.plot(0, 0, ".", color="black", markersize=3)
    panel.set_title(name, pad=2)
