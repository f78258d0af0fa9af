"""What a norm is: the geometry of a ball around an example."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws

ULP = 2.0**-23
"""Spacing of float32 numbers, relative to their size."""
SECOND = 2**32
"""Added to a draw's number for the second stream of random numbers that it needs."""


class Geometry(ABC):
    """One norm. `N` examples of any shape; distances are in float64, whatever the examples are in."""

    name: ClassVar[str]
    """As in suite files and records."""
    title: ClassVar[str]
    """As in messages."""

    @abstractmethod
    def step(self, gradient: Tensor) -> Tensor:
        """The direction of norm 1, of the gradient's shape, that climbs fastest; zero where the gradient is."""

    @abstractmethod
    def projected(self, delta: Tensor, eps: float) -> Tensor:
        """The nearest perturbation of norm at most `eps`."""

    @abstractmethod
    def lengths(self, delta: Tensor) -> Tensor:
        """`(N,)` norms of `(N, features)` float64 perturbations."""

    @abstractmethod
    def uniform(self, draws: Draws, shape: tuple[int, ...], draw: int) -> NDArray[np.float64]:
        """`(N, *shape)` drawn evenly from the ball of radius 1."""

    @abstractmethod
    def extreme(self, draws: Draws, shape: tuple[int, ...], draw: int) -> NDArray[np.float64]:
        """`(N, *shape)` drawn from the ball's far end: what a step is, with the gradient thrown by a coin."""

    def checked(self, eps: float) -> float:
        """`eps`, if a ball can have that radius.

        Raises:
            ValueError: it cannot.
        """
        return eps

    def slack(self, x: Tensor, eps: float) -> Tensor:
        """`(N,)` how far beyond `eps` a right step from `(N, features)` float64 inputs can come to lie by rounding.

        What rounding x + step to float32 adds at most, which counts where eps is small, and 1e-5 eps for the step.
        """
        return self.lengths(ULP * x) + 1e-5 * eps

    def inward(self, radius: Tensor, x: Tensor) -> Tensor:
        """`(N,)` float64 radii less all that `violation` allows beyond them: what is proved holds of what is judged.

        Args:
            radius: `(N,)` float64, infinite where there is no bound.
            x: `(N, *shape)` the centres.
        """
        share, more = self.beyond(x)
        return ((radius - more) / (1 + share)).clamp_min(0)

    def outward(self, eps: float, x: Tensor) -> Tensor:
        """`(N,)` float64 radii to prove so that `eps` is left of them by `inward` and by a record in float32."""
        share, more = self.beyond(x)
        return eps * (1 + 2 * ULP) * (1 + share) + more

    def beyond(self, x: Tensor) -> tuple[float, Tensor]:
        """How far beyond a radius `violation` lets inputs lie: by that share of it, and by `(N,)` more."""
        return 1e-5, self.lengths(ULP * x.double().flatten(1))

    def sized(self, direction: Tensor, eps: float) -> Tensor:
        """A direction of norm 1, or a draw from the unit ball, brought to radius `eps`."""
        return eps * direction

    def violation(self, delta: Tensor, x: Tensor, eps: float) -> Tensor:
        """`(N,)` float64 how far perturbations lie out of the ball beyond all rounding: at most 0 inside.

        Args:
            delta: `(N, features)` float64 perturbations; NaN is outside.
            x: `(N, *shape)` what they perturb.
            eps: radius of the ball.
        """
        return self.lengths(delta) - eps - self.slack(x.double().flatten(1), eps)


def difference(x: Tensor, moved: Tensor) -> Tensor:
    """`(N, features)` float64."""
    import torch

    return moved.to(torch.float64, copy=True).sub_(x).flatten(1)  # written into the copy: every attack waits for this


def per_example(values: Tensor, like: Tensor) -> Tensor:
    """`(N,)` values shaped to multiply `(N, *shape)`."""
    return values.reshape(-1, *[1] * (like.ndim - 1))
