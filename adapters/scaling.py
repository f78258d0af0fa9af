"""The units that a model was trained in: epsilon stays in the dataset's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from adapters.base import Movable
from adapters.errors import NotWrappable, ShapeMismatch


class Scaling(Movable):
    """`(x * scale - mean) / std`, in the precision of `x`, each step rounded as NumPy rounds it."""

    def __init__(
        self,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        scale: float | None = None,
    ) -> None:
        """
        Args:
            mean: a number, one per channel, or one per feature; None for 0.
            std: likewise; None for 1.
            scale: a number; None for 1.

        Raises:
            NotWrappable: values that are not finite numbers, a scale that is no single one, or any that is not positive
                where it must be.
        """
        self.mean, self.std, self.scale = _values("mean", mean), _values("std", std), _values("scale", scale)
        if self.scale is not None and self.scale.numel() != 1:
            raise NotWrappable(f"scale={scale!r}: give one number, and what differs by channel as mean= and std=")
        for name, given, values in (("std", std, self.std), ("scale", scale, self.scale)):
            if values is not None and not bool((values > 0).all()):
                raise NotWrappable(f"{name}={given!r}: must be positive")

    def __bool__(self) -> bool:
        """Whether it changes anything."""
        return any(values is not None for values in self.state())

    def __call__(self, x: Tensor) -> Tensor:
        """`(N, ...)` inputs in the model's units.

        Raises:
            ShapeMismatch: there is another number of channels or features.
        """
        if self.scale is not None:
            x = x * _lined_up("scale", self.scale, x)
        if self.mean is not None:
            x = x - _lined_up("mean", self.mean, x)
        if self.std is not None:
            x = x / _lined_up("std", self.std, x)
        return x

    def affine(self, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """`(features,)` float64 slope and offset of what it does to inputs of this shape, but for rounding."""
        blank = torch.zeros(1, *shape, dtype=torch.float64)
        slope = torch.ones_like(blank)
        if self.scale is not None:
            slope = slope * _lined_up("scale", self.scale, blank)
        if self.std is not None:
            slope = slope / _lined_up("std", self.std, blank)
        return slope.flatten().cpu(), self(blank).flatten().cpu()

    def check(self, input_shape: tuple[int, ...]) -> None:
        """Raise ShapeMismatch unless it fits inputs of a dataset."""
        blank = torch.empty(1, *input_shape, device="meta")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None:
                _lined_up(name, values.to("meta"), blank)

    def state(self) -> Iterable[Tensor | None]:
        """What decides it, for fingerprints."""
        return self.mean, self.std, self.scale


def _values(name: str, given: Any) -> Tensor | None:
    """`(M,)` float64 values, as many as were given."""
    if given is None:
        return None
    try:
        values = torch.as_tensor(given, dtype=torch.float64).reshape(-1).clone()
    except (TypeError, ValueError, RuntimeError):
        values = torch.full((1,), torch.nan)
    if not len(values) or not bool(values.isfinite().all()):
        raise NotWrappable(f"{name}={given!r}: give a finite number" + (", or one per channel" * (name != "scale")))
    return values


def _lined_up(name: str, values: Tensor, x: Tensor) -> Tensor:
    """The values in the precision of `x`, of a shape that goes with it: images are `(N, C, H, W)`, or flat, by channel.

    Of float32 inputs all arithmetic is that of float32, as NumPy's is of an array and a number.
    """
    values, shape = values.to(x.dtype), x.shape[1:]
    if len(values) == 1:
        return values.reshape(())
    if len(values) == shape.numel():
        return values.reshape(shape)
    if len(shape) > 1 and len(values) == shape[0]:
        return values.reshape(-1, *[1] * (len(shape) - 1))
    if len(shape) == 1 and shape[0] % len(values) == 0:
        return values.repeat_interleave(shape[0] // len(values))
    where = f"{shape[0]} channels" if len(shape) > 1 else f"{shape[0]} features"
    raise ShapeMismatch(f"{name} has {len(values)} values, the dataset's inputs {where}")
