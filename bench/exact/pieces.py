"""The choices at a layer of maxima: which of two pieces of a unit is the larger one; the other is no piece of it then.

The lines of a unit are those of the pieces that are left (`bench.exact.compared`); below lies any mean of them, above
any mean of the lines above. With one piece left the unit is linear. The multiplier of a choice, as of a sign (Wang et
al. 2021, beta-CROWN): where z_p >= z_q is known, f is nowhere less than f - m (z_p - z_q) is, for any m >= 0. Where
both are equal either side holds.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from adapters.structures.layers import Largest
from bench.exact.choices import Affine, Choices, State
from bench.exact.compared import Compared
from bench.exact.relaxed import FAR

LEFT, NONE = -1, -2
"""Of a piece: it may be the largest; it is not, or it is the same as another one."""


class Lines(NamedTuple):
    """Of `units` units at `B` nodes, each above all its pieces that are left."""

    share: Tensor
    """`(B, units, pieces + 1, pieces)`"""
    lift: Tensor
    """`(B, units, pieces + 1)`"""
    left: Tensor
    """`(B, units, pieces)` bool."""


class Pieces(Choices[Lines]):
    """Known are `(B, units, pieces)` int64: of each piece which one is known to be at least as large, `LEFT` while none
    is. Free are `(B, units, pieces)` weights of the pieces below and `(B, units, pieces + 1)` of the lines above, each
    of sum 1, and `(B, units, pieces)` multipliers, in units of `scale`.

    Units of a single piece are left out of all that.
    """

    def __init__(self, layer: Largest, compared: Compared, sizes: Tensor) -> None:
        """
        Args:
            layer: the maxima.
            compared: their pieces.
            sizes: `(1, inputs)` of the sums that the inputs are made of.
        """
        open_ = compared.left.sum(1) > 1
        self._units, self._settled = open_.nonzero()[:, 0], (~open_).nonzero()[:, 0]
        self._only = layer.members[self._settled, compared.left[self._settled].long().argmax(1)]
        self._members, self._inputs = layer.members[self._units], layer.inputs
        self._compared = compared.only(self._units)
        self._lines = self._compared.above(self._compared.left)
        self._sizes, self._scale = sizes[0, self._members], torch.ones((), dtype=torch.float64)
        self._first, self._second = torch.triu_indices(layer.members.shape[1], layer.members.shape[1], 1)
        self.count = len(self._units) * len(self._first)

    def scale(self, rows: Tensor) -> None:
        self._scale = rows.abs().amax().clamp_min(1e-30)

    def root(self) -> State:
        known = torch.full(self._members.shape, NONE)[None].masked_fill(self._compared.left, LEFT)
        below, above = _likely(self._compared, self._compared.left[None])
        return State(known, (below, above, torch.zeros_like(below)))

    def lines(self, known: Tensor) -> Lines:
        left = known == LEFT
        share, lift = (each.expand(len(left), *each.shape).clone() for each in self._lines)
        node, unit = (left != self._compared.left).any(2).nonzero().T  # few: all others are as at the root
        share[node, unit], lift[node, unit] = self._compared.only(unit).above(left[node, unit])
        return Lines(share, lift, left)

    def back(self, rows: Tensor, lines: Lines, state: State) -> tuple[Tensor, Tensor, Tensor]:
        below, above, multipliers = state.free
        positive, negative = rows[:, self._units].clamp_min(0), rows[:, self._units].clamp_max(0)
        share, lift = (above[:, :, None] @ lines.share)[:, :, 0], (above * lines.lift).sum(2)
        known = self._scale * multipliers * (state.known >= 0)
        winner = state.known.clamp_min(0)
        pieces = positive[:, :, None] * below + negative[:, :, None] * share + known
        pieces = pieces.scatter_add(2, winner, -known)
        back = torch.zeros(len(rows), self._inputs, dtype=torch.float64)
        back = back.index_add(1, self._only, rows[:, self._settled])
        back = back.index_add(1, self._members.flatten(), pieces.flatten(1))
        sizes = self._sizes.expand_as(known)
        return back, (negative * lift).sum(1), (known * (sizes + sizes.gather(2, winner))).flatten(1).sum(1)

    def within(self, state: State, place: int, moved: Tensor) -> Tensor:
        if place == 0:
            return _on_simplex(moved, state.known == LEFT)
        if place == 1:
            return _on_simplex(moved, torch.ones_like(moved, dtype=torch.bool))
        return moved.clamp_min(0) * (state.known >= 0)

    def scores(self, rows: Tensor, lines: Lines, state: State) -> Tensor:
        over, (one, other) = self._compared.over, (self._first, self._second)
        ahead, behind = over[:, one, other], over[:, other, one]  # above 0 where both are left
        rows, below = rows[:, self._units, None], state.free[0]
        lift = ahead * behind / (ahead + behind).clamp_min(1e-300)  # the constant of the chord
        under = torch.minimum(below[:, :, one] * behind, below[:, :, other] * ahead)
        loss = rows.clamp_max(0).abs() * lift + rows.clamp_min(0) * under
        both = lines.left[:, :, one] & lines.left[:, :, other]
        return (loss + 1e-9 * (ahead + behind)).where(both, -torch.inf).flatten(1)

    def split(self, state: State, node: Tensor, choice: Tensor, first: bool) -> State:
        unit, pair = choice // len(self._first), choice % len(self._first)
        winner, loser = self._first[pair], self._second[pair]
        if not first:
            winner, loser = loser, winner
        known = state.known.clone()
        known[node, unit, loser] = winner
        best, closest = _likely(self._compared.only(unit), known[node, unit] == LEFT)
        below, above = (each.clone() for each in state.free[:2])
        below[node, unit], above[node, unit] = best, closest
        return State(known, (below, above, state.free[2]))

    def settled(self, inputs: Affine, state: State) -> tuple[Affine, Affine]:
        known = state.known[0]
        chosen = torch.empty(len(self._units) + len(self._settled), dtype=torch.long)
        chosen[self._settled] = self._only
        chosen[self._units] = self._members.gather(1, (known == LEFT).long().argmax(1)[:, None])[:, 0]
        unit, loser = (known >= 0).nonzero().T
        winner = self._members[unit, known[unit, loser]]
        return inputs.only(chosen), inputs.only(winner).less(inputs.only(self._members[unit, loser]))


def _likely(compared: Compared, left: Tensor) -> tuple[Tensor, Tensor]:
    """Weights to begin with, of one piece below and of one line above.

    Args:
        compared: the pieces of units.
        left: `(..., units, pieces)` bool.
    """
    best, closest = compared.below(left), compared.closest(*compared.above(left))
    below, above = (
        torch.zeros(*which.shape, many, dtype=torch.float64).scatter(-1, which[..., None], 1.0)
        for which, many in ((best, left.shape[-1]), (closest, left.shape[-1] + 1))
    )
    return below, above


def _on_simplex(values: Tensor, allowed: Tensor) -> Tensor:
    """The nearest weights at least 0 and of sum 1, those that are not allowed 0.

    Michelot 1986, by sorting (Duchi et al. 2008, figure 1).
    """
    values = values.where(allowed, -FAR)
    ordered = values.sort(dim=-1, descending=True).values
    counts = torch.arange(1, values.shape[-1] + 1, dtype=values.dtype)
    level = (ordered.cumsum(-1) - 1) / counts
    last = (ordered > level).long().sum(-1, keepdim=True) - 1
    return (values - level.gather(-1, last)).clamp_min(0)
