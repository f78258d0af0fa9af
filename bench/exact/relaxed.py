"""Lines above and below the bends of a network: what a unit makes of its inputs lies between two affine functions.

Of a rectified unit whose input z lies in [l, u], l < 0 < u, the line above is the chord, and the line below any one
through 0 of a slope between those of its two arms (Zhang et al. 2018, CROWN; Salman et al. 2019: the best such bounds
are those of one linear programme).

Of the largest of pieces z_p in [l_p, u_p], and for any c that no l_p exceeds, with a_p the positive part of
(u_p - c) / (u_p - l_p),

    z_q  <=  c + sum over p of a_p (z_p - l_p)      for every q,

since the term of q alone, which is straight between its ends, is at least z_q - c at both of them. With pieces z and 0,
and c = 0, that is the chord. Half way between its ends the bound is least for any c between the third and the second
largest u_p. Below lies any one piece.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from adapters.structures.layers import Largest, Rectify

TINY, FAR = 1e-300, 1e300


@dataclass(frozen=True)
class Rectified:
    """Of `N` inputs: `lower z <= max(z, slope z) <= upper z + lift`."""

    lower: Tensor
    """`(N, units)`"""
    upper: Tensor
    lift: Tensor
    unstable: Tensor
    """`(N, units)` bool: where the lower slope is free, from `least` to 1."""
    least: float

    def back(self, rows: Tensor, who: Tensor, lower: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`(T, units)` coefficients of the inputs in a bound from below, of those of the outputs, and its constant.

        Args:
            rows: `(T, units)` coefficients of the outputs.
            who: `(T,)` whose.
            lower: `(T, units)` other slopes below.
        """
        below = self.lower[who] if lower is None else lower
        return self.between(rows, below, self.upper[who], self.lift[who])

    @staticmethod
    def between(rows: Tensor, lower: Tensor, upper: Tensor, lift: Tensor) -> tuple[Tensor, Tensor]:
        above = rows.clamp_max(0)
        return torch.where(rows > 0, lower, upper) * rows, (above * lift).sum(1)


def rectified(layer: Rectify, low: Tensor, high: Tensor) -> Rectified:
    """The lines of units whose inputs lie between `(N, units)` bounds."""
    slope = layer.slope
    on, off = low >= 0, high <= 0
    unstable = ~(on | off)
    width = (high - low).clamp_min(TINY)
    chord = (high - slope * low) / width
    upper = torch.where(on, 1.0, torch.where(off, slope, chord))
    lift = torch.where(unstable, (slope - chord) * low, 0.0)
    # The arm that holds more of the interval loses less.
    lower = torch.full_like(low, slope).masked_fill(on | (unstable & (high > -low)), 1.0)
    return Rectified(lower, upper, lift, unstable, slope)


@dataclass(frozen=True)
class Largests:
    """Of `N` inputs: each unit is at least its `best` piece, and at most `sum over pieces of share z + lift`."""

    members: Tensor
    """`(units, pieces)` int64 inputs."""
    best: Tensor
    """`(N, units)` int64 which piece."""
    share: Tensor
    """`(N, units, pieces)`"""
    lift: Tensor
    """`(N, units)`"""
    inputs: int

    def back(self, rows: Tensor, who: Tensor, lower: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As of `Rectified`; there is nothing to choose."""
        below, above = rows.clamp_min(0), rows.clamp_max(0)
        pieces = above[:, :, None] * self.share[who]
        pieces.scatter_add_(2, self.best[who][:, :, None], below[:, :, None])
        back = rows.new_zeros(len(rows), self.inputs)
        back.index_add_(1, self.members.flatten(), pieces.flatten(1))
        return back, (above * self.lift[who]).sum(1)


def largests(layer: Largest, low: Tensor, high: Tensor) -> Largests:
    """The lines of units whose pieces lie between `(N, inputs)` bounds."""
    twice = repeated(layer.members)
    low, high = (side[:, layer.members].masked_fill(twice, -FAR) for side in (low, high))  # (N, units, pieces)
    share, lift = above(low, high)
    best = (low + high).argmax(2)
    # Where one piece is never less than another, it is the unit.
    others = high.scatter(2, best[:, :, None], -torch.inf).amax(2)
    alone = low.gather(2, best[:, :, None])[:, :, 0] >= others
    one = torch.zeros_like(share).scatter(2, best[:, :, None], 1.0)
    return Largests(
        layer.members, best, torch.where(alone[:, :, None], one, share), lift.where(~alone, 0), layer.inputs
    )


def above(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """`(..., pieces)` shares and `(...,)` lift of the line above the largest of pieces between these bounds."""
    floor = low.amax(-1)
    third = high.topk(3, dim=-1).values[..., -1] if high.shape[-1] > 2 else floor
    level = torch.maximum(floor, third)[..., None]
    share = ((high - level).clamp_min(0) / (high - low).clamp_min(TINY)).clamp_max(1)
    share = share.where(high > low, 0)  # a piece that is known needs no share: it is no more than the level
    return share, level[..., 0] - (share * low).sum(-1)


def repeated(members: Tensor) -> Tensor:
    """`(units, pieces)` bool: pieces that a unit has named before."""
    same = members[:, :, None] == members[:, None, :]
    return same.tril(-1).any(2)


Bend = Rectified | Largests
