"""The inputs that a threat allows, as far as linear functions are concerned: a ball of its norm and a box, met."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.threats import Threat

DUAL = {"linf": 1.0, "l2": 2.0, "l1": torch.inf}


class Region:
    """For each of `N` inputs the ball of a radius around it, cut to the range."""

    def __init__(self, x: Tensor, radius: Tensor, threat: Threat) -> None:
        """
        Args:
            x: `(N, features)` float64.
            radius: `(N,)` float64.
            threat: the norm and the range.
        """
        self.x, self.radius, self.norm = x, radius, str(threat.norm)
        low, high = x - radius[:, None], x + radius[:, None]
        if threat.clip is not None:
            low, high = low.clamp_min(threat.clip[0]), high.clamp_max(threat.clip[1])
        self.low, self.high = torch.minimum(low, x), torch.maximum(high, x)
        self.middle, self.half = (self.low + self.high) / 2, (self.high - self.low) / 2

    def least(self, rows: Tensor, who: Tensor) -> Tensor:
        """`(T,)` no more than the least value of `(T, features)` linear functions, each within the region of an input.

        Exact in L_inf; in other norms the better of two bounds, over the ball and over the box around it.
        """
        return self.least_of(rows, self.middle[who], self.half[who], self.x[who], self.radius[who])

    def least_of(self, rows: Tensor, middle: Tensor, half: Tensor, x: Tensor, radius: Tensor) -> Tensor:
        """The same of the features that the coefficients are of; those of no feature are 0."""
        boxed = (rows * middle).sum(1) - (rows.abs() * half).sum(1)
        if self.norm == "linf":
            return boxed
        lengths = torch.linalg.vector_norm(rows, ord=DUAL[self.norm], dim=1)
        return torch.maximum(boxed, (rows * x).sum(1) - radius * lengths)
