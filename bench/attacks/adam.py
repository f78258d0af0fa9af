"""Adam (Kingma & Ba 2015, arXiv 1412.6980, algorithm 1), each example of a batch by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

BETA1, BETA2 = 0.9, 0.999
"""How much of the moments is kept at each step."""
TINY = 1e-8


@dataclass
class Adam:
    """Moments of the slopes of `n` examples."""

    first: Tensor
    second: Tensor
    steps: int = 0

    @classmethod
    def begun(cls, like: Tensor) -> Adam:
        """Of examples of that shape."""
        return cls(like * 0, like * 0)

    def only(self, mask: Tensor) -> Adam:
        """Those of some examples."""
        return Adam(self.first[mask], self.second[mask], self.steps)

    def step(self, slope: Tensor) -> Tensor:
        """`(n, *shape)` the next step uphill, of a step size of 1."""
        self.steps += 1
        self.first = BETA1 * self.first + (1 - BETA1) * slope
        self.second = BETA2 * self.second + (1 - BETA2) * slope.square()
        first, second = self.first / (1 - BETA1**self.steps), self.second / (1 - BETA2**self.steps)
        return first / (second.sqrt() + TINY)
