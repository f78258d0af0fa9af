"""The network of radial basis functions: its labels are those of Gaussians, whose worst case is known."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.attacks.worst_case import WorstCase
from bench.draws import Draws
from bench.threats import Threat
from bench.training.nets.rbf_network import RBFNetwork
from bench.zoo.adapter import NetAdapter

UNIT = Threat(norm="linf", clip=(0.0, 1.0))


def on_digits(digits_train: tuple[np.ndarray, np.ndarray]) -> NetAdapter:
    """Units on the means of the classes, as wide along a pixel as the class is."""
    x, y = (torch.tensor(array) for array in digits_train)
    net = RBFNetwork(64, 10, initial_beta=1.0)
    net.prepare(x, y)
    with torch.no_grad():
        spread = torch.stack([x[y == label].var(0) for label in range(10)])
        net.log_beta.copy_(-(2 * spread + 0.05).log())
    return NetAdapter(net, 64)


def test_its_structure_gives_its_logits(
    digits_train: tuple[np.ndarray, np.ndarray], digits_test: tuple[Tensor, Tensor]
) -> None:
    model, x = on_digits(digits_train), digits_test[0].flatten(1)
    told = model.structure((64,))
    assert told.kind == "gaussian-nb"
    off = (told.scores(x) - model.logits(x)).abs().amax(1)
    assert bool((off <= told.roundoff(x)).all())
    assert bool((told.roundoff(x) < 1e-3 * told.scores(x).abs().amax(1)).all())


def test_worst_case_of_its_labels(
    digits_train: tuple[np.ndarray, np.ndarray], digits_test: tuple[Tensor, Tensor]
) -> None:
    """All witnesses are mislabelled, hardly farther than what is proved; corners of the ball before it never are."""
    model, x, y = on_digits(digits_train), digits_test[0][:100].flatten(1), digits_test[1][:100]
    (found,) = WorstCase().craft(model, x, y, None, [UNIT], Draws((0,), np.arange(100)))
    right = model.predict(x) == y
    assert int(right.sum()) > 80
    far = (found.candidates - x).abs().amax(1)
    assert bool((model.predict(found.candidates) != y).all())
    assert bool(((found.radius <= far) & (far - found.radius < 1e-3))[right].all())
    for seed in range(20):
        sign = torch.randint(2, x.shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
        moved = (x + sign * found.radius[:, None].float()).clamp(0, 1)
        assert bool((model.predict(moved) == y)[right].all())
