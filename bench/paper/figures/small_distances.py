"""One distance, three outcomes (Goodfellow, lecture CS231n 2017, small inter-class distances)."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from bench.draws import Draws
from bench.errors import UsageError
from bench.report.figure_style import DIVERGING, Drawn, page, picture
from bench.running.roster import Models

NORM = 3.96
SLACK = 0.025
"""How far the distance of a pair may be from the norm, as a share of it."""
CHUNK = 100


def small_distances(models: Models, norm: float = NORM) -> Drawn:
    """A clean example and three perturbations of this L2 norm: at random, to an image of another class, to rubbish.

    Rubbish is the example without most of its ink.
    """
    data, model = models.dataset, models.adapter("maxout")
    x = torch.from_numpy(data.examples("test", slice(None)))
    y = torch.tensor(data.labels("test"))
    pair = faintest_pair(x, y, norm)
    clean = x[pair[0]]
    draws = Draws(("figure", data.checksum, "small-distances"), np.array(pair[:1]))
    noise = torch.tensor(draws.normal(data.input_shape)[0], dtype=x.dtype)
    true, other = (data.classes[int(y[index])] for index in pair)
    scaled = [way * (norm / way.norm()) for way in (noise, x[pair[1]] - clean)]
    perturbations = torch.stack([*scaled, erasure(clean, norm, draws)])
    inputs = torch.cat([clean[None], clean + perturbations])
    labels, _, probabilities = model.outputs(inputs)
    assert probabilities is not None
    confidences = probabilities.amax(1).tolist()
    said = [f"{data.classes[label]}, {sure:.1%}" for label, sure in zip(labels.tolist(), confidences, strict=True)]

    least, largest = (float(norm) for norm in perturbations.flatten(1).norm(dim=1).aminmax())
    gone = float(-perturbations[2].sum() / clean.sum())
    kept, changed = (int(label) == int(y[index]) for label, index in zip(labels[1:3], pair, strict=True))
    finding = (
        f"Three perturbations of L2 norm {norm:g} of one {true}. A random one keeps the true class, and the model says "
        f"{said[1]}; another changes it to {other}, and the model says {said[2]}; a third leaves none: "
        f"{gone:.0%} of the ink is gone, and the model says {said[3]}"
    )
    numbers = {"least_norm": least, "largest_norm": largest, "rubbish": confidences[3], "ink_gone": gone}
    rows = [f"random: still a {true}", f"another class: a {other}", "rubbish: no digit"]
    figure = _plot(inputs, perturbations, said, rows)
    return Drawn(figure, kept and changed and gone >= 0.5, finding, numbers)


def _plot(inputs: Tensor, perturbations: Tensor, said: list[str], rows: list[str]) -> Figure:
    """A row a perturbation: the clean example, which is the first input, what is added, and what comes of it."""
    figure = page(5.8)
    panels = figure.subplots(3, 3)
    low, high = float(inputs.min()), float(inputs.max())
    largest = float(perturbations.abs().max())
    rows_of = zip(panels, rows, perturbations, inputs[1:], said[1:], strict=True)
    for (left, middle, right), name, change, image, verdict in rows_of:
        picture(left, inputs[0].mean(0).numpy(), low, high)
        shown = picture(middle, change.mean(0).numpy(), -largest, largest, DIVERGING)
        gray = picture(right, image.mean(0).numpy(), low, high)
        left.set(ylabel=name, xlabel=said[0])
        middle.set_xlabel(f"L2 norm {float(change.norm()):.2f}")
        right.set_xlabel(verdict)
    figure.colorbar(shown, ax=panels, label="change of pixel intensity", shrink=0.5)
    figure.colorbar(gray, ax=panels, label="pixel intensity", shrink=0.5)
    for panel, title in zip(panels[0], ("clean example", "+ perturbation", "= perturbed"), strict=True):
        panel.set_title(title)
    figure.supxlabel("below each image: the class that maxout gives it, and with what confidence", fontsize=8)
    return figure


def faintest_pair(x: Tensor, y: Tensor, norm: float) -> tuple[int, int]:
    """The faintest example that has one of another class at an L2 distance of about `norm`, and the nearest to it.

    The faintest, because a perturbation of that norm leaves least of it. Raises UsageError where there is no such pair.
    """
    flat = x.flatten(1).double()
    for part in flat.norm(dim=1).argsort().split(CHUNK):
        gaps = (torch.cdist(flat[part], flat) - norm).abs().masked_fill(y[part, None] == y, torch.inf)
        near = (gaps.amin(1) <= SLACK * norm).nonzero()
        if len(near):
            first = int(near[0])
            return int(part[first]), int(gaps[first].argmin())
    raise UsageError(f"no two examples of different classes are {norm:g} apart")


def erasure(image: Tensor, norm: float, draws: Draws) -> Tensor:
    """The perturbation of this L2 norm that takes pixels of an image, `(C, H, W)`, to zero, one after the other.

    The last is taken in part; an image of a lesser norm is taken whole.
    """
    order = torch.from_numpy(draws.uniform(tuple(image.shape))[0]).flatten().argsort()
    pixels = image.flatten()[order].double()
    before = (pixels**2).cumsum(0) - pixels**2
    left = (norm**2 - before).clamp_min(0).sqrt()
    taken = torch.empty_like(pixels)
    taken[order] = torch.minimum(pixels, left)
    return -taken.to(image.dtype).reshape(image.shape)
