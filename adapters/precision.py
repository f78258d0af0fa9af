"""Gradients in the precision that they need.

Float32 has seven digits. Where a gradient is a small difference of large numbers (features far from zero beside their
spread, scores of millions) they are lost on the way, and what is left points anywhere: such inputs go through in
float64, and the gradient comes back rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

ROUGH = 1e-3
"""Share of what a gradient depends on, from which on the rounding of that in float32 counts."""
_LEAST, _MOST = 1e-30, 1e30
"""Between these the largest entry of a gradient is kept: the numbers of float32 end a little beyond."""


def widened(x: Tensor) -> Tensor:
    """`x` in float64, differentiable.

    A row of the gradient that is too small or too large for float32 is scaled: attacks go by its direction.
    """
    wide: Tensor = _Widened.apply(x)  # type: ignore[no-untyped-call]
    return wide


def in_either(x: Tensor, rough: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """`(N, ...)` what `of` makes of inputs and their places: the `(N,)` `rough` ones in float64."""
    everywhere = torch.arange(len(x), device=x.device)
    if not bool(rough.any()):
        return of(x, everywhere)
    if bool(rough.all()):
        return of(widened(x), everywhere).to(x.dtype)
    some, rest = everywhere[rough], everywhere[~rough]
    wide, plain = of(widened(x[some]), some).to(x.dtype), of(x[rest], rest)
    return plain.new_empty(len(x), *plain.shape[1:]).index_put((some,), wide).index_put((rest,), plain)


def loses_direction(logits: Callable[[Tensor], Tensor], points: Tensor) -> bool:
    """Whether the gradients of `(N, K)` logits at some `(N, D)` float64 points are others in float32.

    Of one fixed sum of the logits; and which of them leads, for attacks go by that, is told by their values.
    """
    narrow = points.float()
    found, values = [], []
    with torch.enable_grad():
        for point in (narrow.clone().requires_grad_(), narrow.double().requires_grad_()):
            scores = logits(point)
            weights = torch.linspace(-1, 1, scores.shape[1], dtype=scores.dtype, device=scores.device)
            (gradient,) = torch.autograd.grad((scores @ weights).sum(), point)
            found.append(gradient.double())
            values.append(scores.detach().double())
    off, told = (values[0] - values[1]).abs().amax(1), values[1].amax(1) - values[1].amin(1)
    if bool(~(off <= ROUGH * told).all()):
        return True
    size = found[1].abs().amax(1, keepdim=True)
    first, second = (gradient / size.where(size > 0, 1) for gradient in found)
    cosine = F.cosine_similarity(first, second, dim=1, eps=1e-30)
    return bool(~(cosine[size[:, 0] > 0] > 1 - ROUGH / 10).all())


class _Widened(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.dtype = x.dtype
        return x.double()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        largest = gradient.flatten(1).abs().amax(1).reshape(-1, *[1] * (gradient.ndim - 1))
        factor = torch.where(largest > 0, largest.clamp(_LEAST, _MOST) / largest, 1)
        return (gradient * factor).to(ctx.dtype)
