"""Branch and bound for networks of rectifiers: the two arms of a unit, one after the other.

With the sign of a unit's input known the unit is linear, and every bound through it is closer. A node is a set of such
signs. Its bound is CROWN's, climbed by the slopes below and by a multiplier for every sign (Wang et al. 2021,
beta-CROWN): where z >= 0 is known, f is nowhere less than f - m z is, for any m >= 0; where z <= 0 is, than f + m z.
The unit to split next is the one whose better guess at both children is best (De Palma et al. 2021, filtered smart
branching), among those whose lines lose most. Bounds of layers stay those of the whole region.

Both arms together are all inputs, so that a rival is behind where it is behind in every leaf. Rounding is allowed for
as in `bench.exact.passes`, the multipliers' terms beside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from adapters.structures.layers import Rectify
from adapters.structures.network import Network
from bench.exact.passes import UNIT, OutOfTime, Passes
from bench.exact.relaxed import Bend, Rectified, rectified
from bench.exact.rows import Rows

AT_ONCE = 16
"""Nodes at a time."""
STEPS = 12
"""Of the climb at a node."""
RATE = 0.1
"""Of the slopes' steps, and of the multipliers' as a share of the largest coefficient."""
GUESSED = 6
"""Units of a node whose children are bounded before one is split."""

Signs = dict[int, Tensor]
"""For each layer that bends, `(B, units)`: 1 where an input is known to be at least 0, -1 at most 0, else 0."""


@dataclass
class Nodes:
    """`B` nodes of one search."""

    signs: Signs
    slopes: dict[int, Tensor]
    """`(B, units)` of the lines below."""
    multipliers: dict[int, Tensor]
    """`(B, units)`, at least 0."""
    bound: Tensor
    """`(B,)` best known."""

    def only(self, which: Tensor) -> Nodes:
        """Some of them."""
        signs, slopes, multipliers = (
            {at: value[which] for at, value in each.items()} for each in (self.signs, self.slopes, self.multipliers)
        )
        return Nodes(signs, slopes, multipliers, self.bound[which])

    def and_(self, more: Nodes) -> Nodes:
        """All of both."""
        mine, theirs = ((each.signs, each.slopes, each.multipliers) for each in (self, more))
        signs, slopes, multipliers = (
            {at: torch.cat([value, b[at]]) for at, value in a.items()} for a, b in zip(mine, theirs, strict=True)
        )
        return Nodes(signs, slopes, multipliers, torch.cat([self.bound, more.bound]))


@dataclass(frozen=True)
class Seen:
    """What one pass backward shows of `B` nodes."""

    bound: Tensor
    """`(B,)` what all is at least."""
    at_bends: dict[int, Tensor]
    """`(B, units)` coefficients of the units' outputs."""
    lines: dict[int, Rectified]
    inputs: Tensor
    """`(B, features)` coefficients of the network's inputs."""


class Splitting:
    """One example within its region, one function of the scores."""

    def __init__(self, network: Network, passes: Passes, row: Tensor, due: float, is_over: Callable[[], bool]) -> None:
        """
        Args:
            network: the network.
            passes: of that one example.
            row: `(K,)` coefficients of the scores, a lead.
            due: what the lead has to exceed.
            is_over: whether the time is.
        """
        self.network, self.passes, self.row, self.due, self.is_over = network, passes, row, due, is_over
        self.free = [at for at, bend in enumerate(passes.bends) if isinstance(bend, Rectified)]
        sizes = torch.maximum(passes.region.low.abs(), passes.region.high.abs())
        self._sizes, self._terms = {}, 8
        for at, layer in enumerate(network.layers):
            if at in self.free:
                self._sizes[at] = sizes
            bend = passes.bends[at]
            if bend is None:
                sizes, self._terms = layer.sizes(sizes), self._terms + layer.terms + 8
            else:
                pieces = 2 if isinstance(bend, Rectified) else 2 * bend.members.shape[1] + 1
                sizes = pieces * layer(sizes)

    def root(self) -> Nodes:
        """The whole region."""
        lines = {at: self.passes.bends[at] for at in self.free}
        slopes = {at: bend.lower.clone() for at, bend in lines.items() if isinstance(bend, Rectified)}
        zeros = {at: torch.zeros_like(slope) for at, slope in slopes.items()}
        return Nodes(zeros, slopes, {at: zero.clone() for at, zero in zeros.items()}, self._none(1))

    def run(self, most: int, look: Callable[[Tensor], bool]) -> bool | None:
        """Whether the lead exceeds what is due everywhere; None where that is not known after so many nodes.

        Args:
            most: nodes, at most.
            look: is shown `(B, features)` coefficients of linear bounds, and says whether something mislabelled was
                found where they are least; then the answer is False.

        Raises:
            OutOfTime: the time is over.
        """
        open_, count = self.root(), 1
        climbed = self._climbed(open_)
        if look(climbed[1].inputs):
            return False
        open_ = climbed[0].only(~(climbed[0].bound > self.due))
        while len(open_.bound):
            if count >= most:
                return None
            order = open_.bound.argsort(descending=True)  # the nearest to their end last
            now, open_ = open_.only(order[:AT_ONCE]), open_.only(order[AT_ONCE:])
            children = self._children(now)
            if children is None:
                return None
            count += len(children.bound)
            nodes, seen = self._climbed(children.only(~(children.bound > self.due)))
            if len(nodes.bound) and look(seen.inputs):
                return False
            open_ = nodes.only(~(nodes.bound > self.due)).and_(open_)
        return True

    # -- bounds -------------------------------------------------------------------------------------------------------

    def _lines(self, signs: Signs) -> dict[int, Rectified]:
        found = {}
        for at, sign in signs.items():
            (low, high), layer = self.passes.bounds[at], self.network.layers[at]
            assert isinstance(layer, Rectify)
            low, high = low.where(sign <= 0, low.clamp_min(0)), high.where(sign >= 0, high.clamp_max(0))
            found[at] = rectified(layer, low, high)
        return found

    def _seen(self, nodes: Nodes) -> Seen:
        """One pass backward."""
        many = len(nodes.bound)
        lines, who = self._lines(nodes.signs), torch.arange(many)
        first = torch.zeros(many, dtype=torch.long)
        rows = Rows(first, self.row.expand(many, -1), torch.zeros(many, dtype=torch.float64))
        at_bends, lost = {}, torch.zeros(many, dtype=torch.float64)
        for at in range(len(self.network.layers) - 1, -1, -1):
            bend: Bend | None = self.passes.bends[at]
            if bend is None:
                rows = rows.through(self.network.layers[at])  # type: ignore[arg-type]
                continue
            if at not in lines:
                rows = rows.bent(bend, {})
                continue
            at_bends[at] = rows.coefficients
            line = lines[at]
            slopes = nodes.slopes[at].where(line.unstable, line.lower)
            coefficients, added = line.back(rows.coefficients, who, slopes)
            multiplier = nodes.multipliers[at]
            lost = lost + (multiplier * self._sizes[at] * nodes.signs[at].abs()).sum(1)
            rows = Rows(first, coefficients - multiplier * nodes.signs[at], rows.constant + added)
        bound = rows.constant + self.passes.region.least(rows.coefficients, first)
        return Seen(bound - 8 * self._terms * UNIT * lost, at_bends, lines, rows.coefficients)

    def _climbed(self, nodes: Nodes, steps: int = STEPS) -> tuple[Nodes, Seen]:
        """Nodes with slopes and multipliers that make their bounds large, and what is seen of them last."""
        if not len(nodes.bound):
            return nodes, Seen(nodes.bound, {}, {}, nodes.bound[:, None])
        parameters = [value.clone() for value in (*nodes.slopes.values(), *nodes.multipliers.values())]
        first = [torch.zeros_like(each) for each in parameters]
        second = [torch.zeros_like(each) for each in parameters]
        best, kept = self._none(len(nodes.bound)), parameters
        for step in range(steps + 1):
            if self.is_over():
                raise OutOfTime
            parameters = [each.detach().requires_grad_(step < steps) for each in parameters]
            with torch.set_grad_enabled(step < steps):
                seen = self._seen(self._with(nodes, parameters))
            now = seen.bound.detach()
            better = (now > best)[:, None]
            kept = [new.detach().where(better, old) for new, old in zip(parameters, kept, strict=True)]
            best = best.maximum(now)
            if step == steps or bool((best > self.due).all()):
                break
            gradients = torch.autograd.grad(seen.bound.sum(), parameters, materialize_grads=True, allow_unused=True)
            rate = RATE * 10 ** (-step / steps)
            for place, gradient in enumerate(gradients):
                first[place] = 0.9 * first[place] + 0.1 * gradient
                second[place] = 0.999 * second[place] + 0.001 * gradient**2
                mean, spread = first[place] / (1 - 0.9 ** (step + 1)), second[place] / (1 - 0.999 ** (step + 1))
                moved = parameters[place].detach() + rate * mean / (spread.sqrt() + 1e-12)
                parameters[place] = self._within(nodes, moved, place)
        found = self._with(nodes, kept)
        found.bound = best.maximum(nodes.bound)
        return found, self._seen(found)

    def _with(self, nodes: Nodes, parameters: list[Tensor]) -> Nodes:
        half = len(self.free)
        slopes = dict(zip(nodes.slopes, parameters[:half], strict=True))
        return Nodes(nodes.signs, slopes, dict(zip(nodes.multipliers, parameters[half:], strict=True)), nodes.bound)

    def _within(self, nodes: Nodes, moved: Tensor, place: int) -> Tensor:
        half = len(self.free)
        if place >= half:
            return moved.clamp_min(0) * list(nodes.signs.values())[place - half].abs()
        line = self.passes.bends[list(nodes.slopes)[place]]
        assert isinstance(line, Rectified)
        return moved.clamp(line.least, 1)

    # -- branching ----------------------------------------------------------------------------------------------------

    def _children(self, nodes: Nodes) -> Nodes | None:
        """Both children of each node; None where a node has no unit left to split."""
        seen = self._seen(nodes)
        scores = []
        for at in self.free:
            coefficient, line = seen.at_bends[at], seen.lines[at]
            low, high = self.passes.bounds[at]
            slope = nodes.slopes[at]
            below = torch.minimum((slope - line.least) * -low, (1 - slope) * high)
            loss = coefficient.clamp_max(0).abs() * line.lift + coefficient.clamp_min(0) * below
            scores.append((loss + 1e-9 * (high - low)).where(line.unstable, -torch.inf))
        joined = torch.cat(scores, dim=1)
        top = joined.topk(min(GUESSED, joined.shape[1]), dim=1)
        if bool(top.values[:, 0].isneginf().any()):
            return None
        many, count = top.indices.shape
        guessed = nodes.only(torch.arange(many).repeat_interleave(count))
        sides = [self._split(guessed, top.indices.flatten(), sign) for sign in (1.0, -1.0)]
        bounds = [self._seen(side).bound.view(many, count) for side in sides]
        worth = torch.minimum(*bounds) + 1e-3 * torch.maximum(*bounds)
        chosen = worth.where(top.values > -torch.inf, -torch.inf).argmax(1) + count * torch.arange(many)
        for side, bound in zip(sides, bounds, strict=True):
            side.bound = side.bound.maximum(bound.flatten())
        return sides[0].only(chosen).and_(sides[1].only(chosen))

    def _split(self, nodes: Nodes, unit: Tensor, sign: float) -> Nodes:
        """With the sign of `(B,)` a unit each known, numbered through all layers that bend."""
        signs, start = {}, 0
        for at, old in nodes.signs.items():
            here = (unit >= start) & (unit < start + old.shape[1])
            new = old.clone()
            new[here.nonzero()[:, 0], unit[here] - start] = sign
            signs[at], start = new, start + old.shape[1]
        return Nodes(signs, nodes.slopes, nodes.multipliers, nodes.bound.clone())

    @staticmethod
    def _none(many: int) -> Tensor:
        return torch.full((many,), -torch.inf, dtype=torch.float64)
