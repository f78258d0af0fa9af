"""The slopes of the lines below that make a bound largest, found by climbing its gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bench.exact.passes import OutOfTime, Passes
from bench.exact.relaxed import Rectified
from bench.exact.rows import Rows

STEPS = 20
RATE = 0.25
"""Of Adam, falling to a tenth by the last step."""


class Climb:
    """One ascent for `T` rows; whatever the slopes, a bound is one."""

    def __init__(self, passes: Passes, bends: dict[int, Rectified], rows: Rows, due: Tensor) -> None:
        self.passes, self.bends, self.rows, self.due = passes, bends, rows, due
        self.slopes = {at: bend.lower[rows.who] for at, bend in bends.items()}

    def run(self, is_over: Callable[[], bool], steps: int = STEPS) -> Tensor:
        """`(T,)` the best bounds found; a row whose bound exceeds what is due stops."""
        best = torch.full((len(self.due),), -torch.inf, dtype=torch.float64)
        going = torch.arange(len(self.due))
        first = {at: torch.zeros_like(slope) for at, slope in self.slopes.items()}
        second = {at: torch.zeros_like(slope) for at, slope in self.slopes.items()}
        slopes = self.slopes
        for step in range(steps + 1):
            if is_over():
                raise OutOfTime
            rows = Rows(self.rows.who[going], self.rows.coefficients[going], self.rows.constant[going])
            slopes = {at: slope.detach().requires_grad_(step < steps) for at, slope in slopes.items()}
            with torch.set_grad_enabled(step < steps):
                bound = self.passes.carried(rows, len(self.passes.layers), slopes)
            best[going] = best[going].maximum(bound.detach())
            if step == steps:
                break
            gradients = torch.autograd.grad(bound.sum(), list(slopes.values()))
            left = (~(best[going] > self.due[going])).nonzero()[:, 0]
            if not len(left):
                break
            rate = RATE * 10 ** (-step / steps)
            for at, gradient in zip(list(slopes), gradients, strict=True):
                some = gradient[left]
                first[at] = 0.9 * first[at][left] + 0.1 * some
                second[at] = 0.999 * second[at][left] + 0.001 * some**2
                mean = first[at] / (1 - 0.9 ** (step + 1))
                spread = (second[at] / (1 - 0.999 ** (step + 1))).sqrt()
                bend = self.bends[at]
                moved = slopes[at].detach()[left] + rate * mean / (spread + 1e-12)
                kept = bend.lower[rows.who[left]]
                slopes[at] = moved.clamp(bend.least, 1).where(bend.unstable[rows.who[left]], kept)
            going = going[left]
        return best
