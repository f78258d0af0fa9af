"""Networks that compute in 16 bits: losses in 32, and gradients that do not vanish on their way.

The gradient of a cross-entropy with respect to the logits is `p - 1` for the true class, which float16 rounds to zero
as soon as a network is sure, and with it the whole input gradient. Mixed-precision training scales the loss against
that (Micikevicius et al. 2018, Mixed Precision Training, section 3.2); here every example's gradient is scaled by a
power of two where it enters the network's arithmetic, and scaled back where it leaves.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from adapters.base import wide

SIXTEEN = (torch.float16, torch.bfloat16)


class Scale:
    """The factor of each example's gradient within a network, found by the backward pass that is under way."""

    def __init__(self) -> None:
        self._factor: Tensor | None = None

    def enter(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """`(N, ...)` inputs as the network takes them."""
        entered: Tensor = _Enter.apply(x, dtype, self)  # type: ignore[no-untyped-call]
        return entered

    def leave(self, raw: Tensor) -> Tensor:
        """`(N, K)` outputs of the network in float32."""
        left: Tensor = _Leave.apply(raw, self)  # type: ignore[no-untyped-call]
        return left

    def up(self, gradient: Tensor) -> Tensor:
        """`(N, K)` with the largest entry of every row between 1 and 2, unless it is zero or not finite."""
        largest = gradient.abs().amax(1, keepdim=True)
        exponent = largest.log2().floor().clamp(-120, 120)
        self._factor = torch.where(largest.isfinite() & (largest > 0), torch.exp2(-exponent), 1.0)
        return gradient * self._factor

    def down(self, gradient: Tensor) -> Tensor:
        """`(N, ...)` as it is without the factor."""
        if self._factor is None:
            return gradient
        return gradient / self._factor.reshape(-1, *[1] * (gradient.ndim - 1))


class _Enter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, dtype: torch.dtype, scale: Scale) -> Tensor:
        ctx.scale, ctx.dtype = scale, x.dtype
        return x.to(dtype, copy=True)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.scale.down(wide(gradient)).to(ctx.dtype), None, None


class _Leave(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, raw: Tensor, scale: Scale) -> Tensor:
        ctx.scale, ctx.dtype = scale, raw.dtype
        return raw.to(torch.promote_types(raw.dtype, torch.float32), copy=True)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.scale.up(gradient).to(ctx.dtype), None
