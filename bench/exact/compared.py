"""Pieces of maxima compared: bounds of the difference of every two of a unit, and the lines that these give.

Of z_p - z_r in [l_p, u_p], for every piece p and any one piece r of a unit, the line above of `bench.exact.relaxed`,
of differences, with z_r added to it, is one of the unit:

    z_q  <=  z_r + c + sum over p of a_p (z_p - z_r - l_p)      for every q.

With two pieces left that is the chord of a rectified unit of input z_p - z_r. So a unit of P pieces has P + 1 lines
above, one by its pieces alone. Each is better somewhere, and so may be any mean of theirs. A piece that is nowhere more
than another is no piece.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from adapters.structures.layers import Largest, Layer
from adapters.structures.network import Network
from bench.exact.passes import VALUES, OutOfTime, Passes
from bench.exact.region import Region
from bench.exact.relaxed import FAR, Bend, Largests, above, repeated
from bench.exact.rows import Rows

MOST = 8 * VALUES
"""Coefficients that rows of differences may have in all; the pairs that overlap least are compared by their ranges."""


class Compared(NamedTuple):
    """What is known of the pieces of one layer of maxima within one region."""

    low: Tensor
    """`(units, pieces)` at least."""
    high: Tensor
    over: Tensor
    """`(units, pieces, pieces)`: the first is at most so much more than the second."""
    left: Tensor
    """`(units, pieces)` bool: which are the largest somewhere, as far as is known; one at least."""

    def only(self, units: Tensor) -> Compared:
        """Some units."""
        return Compared(*(each[units] for each in self))

    def above(self, left: Tensor) -> tuple[Tensor, Tensor]:
        """All lines above the largest of the pieces left, as `(..., units, pieces + 1, pieces)` coefficients and
        `(..., units, pieces + 1)` constants.

        Args:
            left: `(..., units, pieces)` bool, one a unit at least.
        """
        low = torch.cat([-self.over, self.low[:, None]], dim=1)  # (units, pieces + 1, pieces), of differences to each
        high = torch.cat([self.over.transpose(1, 2), self.high[:, None]], dim=1)
        low, high = (side.where(left[..., None, :], -FAR) for side in (low, high))
        share, lift = above(low, high)
        itself = torch.eye(low.shape[-1] + 1, low.shape[-1], dtype=torch.float64)
        share = share + itself * (1 - share.sum(-1, keepdim=True))
        single = left.sum(-1, keepdim=True) == 1
        share = share.where(~single[..., None], left[..., None, :].to(share))
        return share, lift.where(~single, 0)

    def below(self, left: Tensor) -> Tensor:
        """`(..., units)` which piece left is likely to be the largest."""
        return (self.low + self.high).where(left, -torch.inf).argmax(-1)

    def closest(self, share: Tensor, lift: Tensor) -> Tensor:
        """`(..., units)` which of the lines above is least where all pieces are half way between their ends."""
        middle = ((self.low + self.high) / 2)[:, :, None]
        return ((share @ middle)[..., 0] + lift).argmin(-1)


class ComparedPasses(Passes):
    """As `Passes`, of one example, with closer lines for maxima."""

    def __init__(self, network: Network, region: Region, is_over: Callable[[], bool]) -> None:
        """Raises OutOfTime as soon as `is_over`."""
        self.compared: dict[int, Compared] = {}
        """Of each layer of maxima."""
        super().__init__(network, region, is_over)

    def _growth(self, layer: Layer) -> tuple[int, int]:
        if not isinstance(layer, Largest):
            return super()._growth(layer)
        # Shares of differences are between 0 and 1, that of the piece they are to no more than their number, and ends
        # of differences twice as large as pieces.
        pieces = layer.members.shape[1]
        return 4 * pieces + 1, 4 * pieces + 8

    def _lines(self, at: int, layer: Layer, low: Tensor, high: Tensor) -> Bend | None:
        if not isinstance(layer, Largest):
            return super()._lines(at, layer, low, high)
        known = self.compared[at] = self._compared(at, layer, low[0], high[0])
        share, lift = known.above(known.left)
        which = known.closest(share, lift)[:, None]
        lift = lift.gather(1, which)[:, 0]
        share = share.gather(1, which[:, :, None].expand(-1, -1, share.shape[2]))[:, 0]
        return Largests(layer.members, known.below(known.left)[None], share[None], lift[None], layer.inputs)

    def _compared(self, at: int, layer: Largest, low: Tensor, high: Tensor) -> Compared:
        members, twice = layer.members, repeated(layer.members)
        off = self.loss[members]
        low, high = low[members], high[members]
        apart = off[:, :, None] + off[:, None, :]
        over = high[:, :, None] - low[:, None, :] + apart
        over.diagonal(dim1=1, dim2=2).zero_()
        first, second = torch.triu_indices(members.shape[1], members.shape[1], 1)
        left = _left(over, ~twice)
        overlap = torch.minimum(over, over.transpose(1, 2))[:, first, second]
        overlap = overlap.where(left[:, first] & left[:, second], -torch.inf)
        widest = max((each.inputs for each in self.layers[:at]), default=1)
        most = min(overlap.numel(), max(1, MOST // widest))
        worst, place = overlap.flatten().topk(most)
        place = place[worst > -torch.inf]
        unit, pair = place // len(first), place % len(first)
        many = max(1, VALUES // widest)
        for p, q in ((first[pair], second[pair]), (second[pair], first[pair])):
            for start in range(0, len(unit), many):
                if self._is_over():
                    raise OutOfTime
                u, a, b = (each[start : start + many] for each in (unit, p, q))
                most_apart = apart[u, a, b] - self._least_apart(at, members[u, b], members[u, a])
                over[u, a, b] = over[u, a, b].minimum(most_apart)
        return Compared(low, high, over, _left(over, ~twice))

    def _least_apart(self, at: int, one: Tensor, other: Tensor) -> Tensor:
        """`(T,)` lower bounds of inputs of a layer, less others."""
        who, plus = torch.zeros_like(one), torch.ones(len(one), dtype=torch.float64)
        rows = [Rows.units(self.layers[at - 1], who, *of) if at else None for of in ((one, plus), (other, -plus))]
        if (first := rows[0]) is not None and (second := rows[1]) is not None:
            first, second = first.whole(), second.whole()
            both = first.coefficients + second.coefficients, first.constant + second.constant
            return self.carried(Rows(who, *both), at - 1)
        coefficients = torch.zeros(len(one), self.layers[at].inputs, dtype=torch.float64)
        coefficients.scatter_add_(1, one[:, None], plus[:, None]).scatter_add_(1, other[:, None], -plus[:, None])
        return self.carried(Rows(who, coefficients, torch.zeros_like(plus)), at)


def _left(over: Tensor, left: Tensor) -> Tensor:
    """`(units, pieces)` bool: pieces without those that are at most another one which is left."""
    left = left.clone()
    for piece in range(left.shape[1]):
        beaten = (over[:, piece] <= 0) & left
        beaten[:, piece] = False
        left[:, piece] &= ~beaten.any(1)
    return left
