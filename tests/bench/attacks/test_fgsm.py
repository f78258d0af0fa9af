"""FGSM is the formula to the last bit, by one gradient for all sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from crafting import GRID, UNIT, batch, budgets_of, crafted, curved, sizes
from torch import Tensor

from adapters.base import Adapter, Outputs
from bench.threats import NORMS, Norm, Threat


@pytest.mark.parametrize("loss", ["training", "cross_entropy", "margin"])
@pytest.mark.parametrize("clip", [True, False], ids=["clipped", "unclipped"])
def test_fgsm_is_the_formula_bit_for_bit(loss: str, clip: bool) -> None:
    x, y = batch(40)
    source = curved()
    gradient = source.input_gradient(x, y, loss)  # type: ignore[arg-type]
    grid = [*GRID, *np.linspace(0.01, 1, 50).tolist()]
    (budgets,) = [group for group in budgets_of("fgsm", clip, grid) if group[0].norm == "linf"]
    for candidate, eps in zip(crafted("fgsm", source, x, y, budgets, loss=loss), grid, strict=True):
        expected = x + eps * gradient.sign()
        assert torch.equal(candidate, expected.clamp(0, 1) if clip else expected)


def test_fgsm_of_length_eps_along_the_gradient_for_l2() -> None:
    x, y = batch()
    source = curved()
    gradient = source.input_gradient(x, y)
    for eps in GRID:
        (candidate,) = crafted("fgsm", source, x, y, [Threat(norm="l2", eps=eps)])
        step = (candidate.double() - x.double()).flatten(1)
        assert step.norm(dim=1).numpy() == pytest.approx(eps, rel=1e-4)
        cosine = torch.cosine_similarity(step, gradient.double().flatten(1))
        assert (cosine > 0.9999).all()


class Counting(Adapter):
    """Counts the gradients that it is asked for."""

    def __init__(self, inner: Adapter) -> None:
        super().__init__(input_shape=None, classes=None)
        self.gradient, self.inner, self.calls = inner.gradient, inner, 0
        self._outputs, self._logits, self._state, self._move = inner._outputs, inner._logits, inner._state, inner._move

    family = "counting"

    def _outputs(self, x: Tensor) -> Outputs: ...

    def _state(self) -> Any: ...

    def _move(self, device: Any) -> None: ...

    def input_gradient(self, x: Tensor, y: Tensor, loss: Any = "training") -> Tensor:
        self.calls += 1
        return self.inner.input_gradient(x, y, loss)


@pytest.mark.parametrize("norm", NORMS)
def test_one_gradient_serves_a_whole_grid(norm: Norm) -> None:
    x, y = batch()
    source = Counting(curved())
    crafted("fgsm", source, x, y, [Threat(norm=norm, eps=eps, clip=UNIT) for eps in sizes(norm, GRID)])
    assert source.calls == 1
