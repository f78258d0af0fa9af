"""Losses and their gradients, by an adapter of a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from networks import dense, points
from torch import Tensor
from torch.nn import functional as F

import adapters
from adapters.errors import Unsupported


@pytest.mark.parametrize("loss", ["training", "cross_entropy", "margin"])
@pytest.mark.parametrize("normalised", [False, True])
def test_gradients_are_those_of_finite_differences(loss: Any, normalised: bool) -> None:
    """In float64: in float32 the differences themselves are wrong."""
    options: dict[str, Any] = {"mean": 0.25, "std": 0.5} if normalised else {}
    adapter = adapters.wrap(dense(12, 7, 3).double(), **options)
    x, y = points()
    x = x.double()
    gradient = adapter.input_gradient(x, y, loss)
    step = 1e-6
    for place in np.ndindex(*x.shape[1:]):
        moved = torch.zeros_like(x)
        moved[(slice(None), *place)] = step
        with torch.no_grad():
            slope = (adapter.loss(x + moved, y, loss) - adapter.loss(x - moved, y, loss)) / (2 * step)
        assert torch.allclose(gradient[(slice(None), *place)], slope, atol=1e-7)


def test_the_losses() -> None:
    adapter = adapters.wrap(dense(12, 3))
    x, y = points(30)
    logits = adapter.logits(x).detach()
    assert torch.allclose(adapter.loss(x, y, "cross_entropy").detach(), F.cross_entropy(logits, y, reduction="none"))
    rivals = torch.stack([row[torch.arange(3) != k].max() - row[k] for row, k in zip(logits, y, strict=True)])
    assert torch.allclose(adapter.loss(x, y, "margin").detach(), rivals)
    assert torch.equal(adapter.loss(x, y, "margin") > 0, adapter.predict(x) != y)
    with pytest.raises(ValueError, match="loss is 'hinge'; known losses: training, cross_entropy, margin"):
        adapter.loss(x, y, "hinge")  # type: ignore[arg-type]


def test_the_networks_own_training_loss() -> None:
    def squared(logits: Tensor, y: Tensor) -> Tensor:
        return ((logits - F.one_hot(y, 3)) ** 2).sum(1)

    adapter = adapters.wrap(dense(12, 3), training_loss=squared)
    x, y = points()
    assert torch.equal(adapter.loss(x, y).detach(), squared(adapter.logits(x).detach(), y))
    assert not torch.allclose(adapter.input_gradient(x, y), adapter.input_gradient(x, y, "cross_entropy"))


def test_a_gradient_that_does_not_exist_raises_and_is_never_zero() -> None:
    mute = adapters.black_box(lambda x: np.zeros(len(x), dtype=int), version="1")
    x, y = points()
    assert mute.gradient == "none"
    for ask in (mute.input_gradient, mute.loss):
        with pytest.raises(Unsupported):
            ask(x, y)
    with pytest.raises(Unsupported):
        mute.logits(x)


def test_the_gradient_of_an_example_does_not_depend_on_the_others() -> None:
    adapter = adapters.wrap(dense(12, 5, 3))
    x, y = points()
    together = adapter.input_gradient(x, y)
    alone = torch.cat([adapter.input_gradient(x[i : i + 1], y[i : i + 1]) for i in range(len(x))])
    assert torch.allclose(together, alone, atol=1e-6)
    assert not x.requires_grad
