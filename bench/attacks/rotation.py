"""Rotation towards the gradient: Goodfellow, Shlens & Szegedy 2015, section 4."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.gradient import GradientAttack
from bench.threats import Threat
from bench.threats.base import ULP

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws


class Rotation(GradientAttack):
    """Turns `x` about the origin, by a fixed angle towards the gradient; its L2 length stays.

    No norm bounds it and nothing is clipped: the angle is the budget, each one an entry of its own.
    """

    name: ClassVar[str] = "rotation"
    norms: ClassVar[Collection[str]] = ()
    single_step: ClassVar[bool] = True
    summary: ClassVar[str] = "x turned by an angle towards the gradient, its length kept"

    degrees: Annotated[float, Field(gt=0, le=90)] = 10.0
    """The angle between `x` and the candidate."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        turned = rotated(x, self.gradient(source, x, self.labels(source, x, y), goals), math.radians(self.degrees))
        for _ in budgets:
            yield turned


def rotated(x: Tensor, gradient: Tensor, angle: float) -> Tensor:
    """`|x| (cos(angle) x / |x| + sin(angle) g / |g|)`, with `g` the part of the gradient that is orthogonal to `x`.

    An example that is zero, or whose gradient has no such part beyond its own rounding, is not moved.
    """
    start, slope = x.flatten(1).double(), gradient.flatten(1).double()
    length = start.norm(dim=1, keepdim=True)
    across = slope - (slope * start).sum(1, keepdim=True) / length.square().clamp_min(1e-300) * start
    width = across.norm(dim=1, keepdim=True)
    turned: Tensor = math.cos(angle) * start + math.sin(angle) * length / width.clamp_min(1e-300) * across
    turns = width > ULP * slope.norm(dim=1, keepdim=True)
    return turned.where(turns, start).reshape(x.shape).to(x.dtype)
