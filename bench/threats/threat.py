"""The set of inputs that an adversary may present. A plain value, part of every result's identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from bench.threats.base import Geometry, difference
from bench.threats.epsilon import Epsilon
from bench.threats.norms import Norm, norm_named

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws


class Threat(BaseModel):
    """The inputs that an adversary may present in place of `x`, and all that is to be known of their geometry.

    Without a norm it is everything (clean inputs, rubbish); with one, the ball of radius `eps` around `x` in the
    dataset's units, cut to the dataset's range where `clip` gives it. A norm without `eps` bounds nothing: the distance
    is what is asked for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    norm: Norm | None = None
    eps: Epsilon | None = None
    clip: tuple[float, float] | None = None
    """Lowest and highest value that a feature may take, or None where the adversary is not bound to the range."""

    @model_validator(mode="after")
    def _has_a_size(self) -> Threat:
        if self.eps is not None:
            self.geometry.checked(self.eps)
        return self

    @property
    def geometry(self) -> Geometry:
        """The norm itself.

        Raises:
            ValueError: the threat has none.
        """
        if self.norm is None:
            raise ValueError("a threat without a norm has no distances")
        return norm_named(self.norm)

    @property
    def size(self) -> float:
        """The radius.

        Raises:
            ValueError: the threat has none: taking 0 in its place would be an attack that does nothing.
        """
        if self.eps is None:
            raise ValueError("a threat without an epsilon has no size")
        return self.eps

    def within(self, other: Threat) -> bool:
        """Whether every input that this threat allows is allowed by `other` as well."""
        if self.norm is None or self.norm != other.norm or self.eps is None or other.eps is None:
            return False
        return self.eps <= other.eps and (other.clip is None or self.clip == other.clip)

    def cut(self, x: Tensor) -> Tensor:
        """`x` cut to the range."""
        return x if self.clip is None else x.clamp(*self.clip)

    def step(self, gradient: Tensor) -> Tensor:
        """The direction of norm 1 that climbs fastest; zero where the gradient is, and then the judge counts it."""
        return self.geometry.step(gradient)

    def moved(self, x: Tensor, direction: Tensor) -> Tensor:
        """`x` moved along a direction of norm 1 by the radius, and cut to the range."""
        return self.cut(x + self.geometry.sized(direction, self.size))

    def project(self, x: Tensor, moved: Tensor) -> Tensor:
        """The nearest inputs in the ball, cut to the range; the nearest that are allowed where the norm is L_inf."""
        return self.cut(x + self.geometry.projected(moved - x, self.size))

    def distance(self, x: Tensor, moved: Tensor) -> Tensor:
        """`(N,)` float64 distances."""
        return self.geometry.lengths(difference(x, moved))

    def violation(self, x: Tensor, moved: Tensor) -> Tensor:
        """`(N,)` float64 how far out of the ball, beyond all rounding: at most 0 inside, NaN is outside."""
        return self.geometry.violation(difference(x, moved), x, self.size)

    def uniform(self, draws: Draws, shape: tuple[int, ...], draw: int = 0) -> NDArray[np.float64]:
        """`(N, *shape)` drawn evenly from the ball of radius 1, for `moved` to bring to size."""
        return self.geometry.uniform(draws, shape, draw)

    def extreme(self, draws: Draws, shape: tuple[int, ...], draw: int = 0) -> NDArray[np.float64]:
        """`(N, *shape)` drawn from the far end of the ball of radius 1: a step with the gradient thrown by a coin."""
        return self.geometry.extreme(draws, shape, draw)
