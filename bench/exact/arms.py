"""The choices at a layer of rectifiers: whether the input of a unit is at least 0 or at most 0; then it is linear.

The multiplier of a sign (Wang et al. 2021, beta-CROWN): where z >= 0 is known, f is nowhere less than f - m z is, for
any m >= 0; where z <= 0 is, than f + m z.
"""

from __future__ import annotations

import torch
from torch import Tensor

from adapters.structures.layers import Rectify
from bench.exact.choices import Affine, Choices, State
from bench.exact.relaxed import Rectified, rectified


class Arms(Choices[Rectified]):
    """Known are `(B, units)`: 1 where an input is at least 0, -1 where at most 0, else 0. Free are `(B, units)` slopes
    of the lines below, and multipliers.
    """

    def __init__(self, layer: Rectify, low: Tensor, high: Tensor, start: Tensor, sizes: Tensor) -> None:
        """
        Args:
            layer: the rectifiers.
            low: `(1, units)` their inputs at least.
            high: `(1, units)` at most.
            start: `(1, units)` slopes to begin with.
            sizes: `(1, units)` of the sums that the inputs are made of.
        """
        self.layer, self._low, self._high, self._start, self._sizes = layer, low, high, start, sizes
        self.count = layer.inputs

    def root(self) -> State:
        return State(torch.zeros_like(self._start), (self._start.clone(), torch.zeros_like(self._start)))

    def lines(self, known: Tensor) -> Rectified:
        low = self._low.where(known <= 0, self._low.clamp_min(0))
        high = self._high.where(known >= 0, self._high.clamp_max(0))
        return rectified(self.layer, low, high)

    def back(self, rows: Tensor, lines: Rectified, state: State) -> tuple[Tensor, Tensor, Tensor]:
        slopes, multipliers = state.free
        used = slopes.where(lines.unstable, lines.lower)
        coefficients, added = lines.back(rows, torch.arange(len(rows)), used)
        return coefficients - multipliers * state.known, added, (multipliers * self._sizes * state.known.abs()).sum(1)

    def within(self, state: State, place: int, moved: Tensor) -> Tensor:
        return moved.clamp_min(0) * state.known.abs() if place else moved.clamp(self.layer.slope, 1)

    def scores(self, rows: Tensor, lines: Rectified, state: State) -> Tensor:
        slope, low, high = state.free[0], self._low, self._high
        below = torch.minimum((slope - lines.least) * -low, (1 - slope) * high)
        loss = rows.clamp_max(0).abs() * lines.lift + rows.clamp_min(0) * below
        return (loss + 1e-9 * (high - low)).where(lines.unstable, -torch.inf)

    def split(self, state: State, node: Tensor, choice: Tensor, first: bool) -> State:
        known = state.known.clone()
        known[node, choice] = 1.0 if first else -1.0
        return State(known, state.free)

    def settled(self, inputs: Affine, state: State) -> tuple[Affine, Affine]:
        known = state.known[0]
        on = ((known > 0) | ((known == 0) & (self._low[0] >= 0))).to(inputs.bias)
        made = known.nonzero()[:, 0]
        return inputs.times(on + (1 - on) * self.layer.slope), inputs.only(made).times(known[made])
