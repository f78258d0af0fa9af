"""Branch and bound for networks of rectifiers and maxima: both sides of a choice, one after the other.

With the sign of a rectified unit's input known the unit is linear, and with the larger of two pieces of a maximum known
it has one piece less: every bound through it is closer. A node is a set of such choices (`bench.exact.arms`,
`bench.exact.pieces`). Its bound is CROWN's, climbed by the lines and by a multiplier for every choice (Wang et al.
2021, beta-CROWN). The choice to make next is the one whose better guess at both children is best (De Palma et al. 2021,
filtered smart branching), among those whose lines lose most. Bounds of layers stay those of the whole region.

Both sides together are all inputs, so that a rival is behind where it is behind in every leaf. Rounding is allowed for
as in `bench.exact.passes`, the multipliers' terms beside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from adapters.structures.layers import Largest, Rectify
from adapters.structures.network import Network
from bench.exact.arms import Arms
from bench.exact.choices import Choices, State
from bench.exact.compared import ComparedPasses
from bench.exact.leaves import least_input
from bench.exact.passes import OutOfTime, Passes
from bench.exact.pieces import Pieces
from bench.exact.relaxed import Rectified
from bench.exact.rows import Rows

AT_ONCE = 16
"""Nodes at a time."""
STEPS = 12
"""Of the climb at a node."""
LAST, LASTS = 200, 10
"""Of a climb where no choice is left, and such climbs, one from where the other ended."""
LEAST = 0.1
"""Of what such a climb lacks in the end it has to gain, or there is no other."""
RATE = 0.1
"""Of the climb's steps."""
GUESSED = 6
"""Choices of a node whose children are bounded before one is made."""


@dataclass
class Nodes:
    """`B` nodes of one search."""

    states: dict[int, State]
    """For each layer that bends."""
    bound: Tensor
    """`(B,)` best known."""

    def only(self, which: Tensor) -> Nodes:
        """Some of them."""
        return Nodes({at: state.only(which) for at, state in self.states.items()}, self.bound[which])

    def and_(self, more: Nodes) -> Nodes:
        """All of both."""
        states = {at: state.and_(more.states[at]) for at, state in self.states.items()}
        return Nodes(states, torch.cat([self.bound, more.bound]))


@dataclass(frozen=True)
class Seen:
    """What one pass backward shows of `B` nodes."""

    bound: Tensor
    """`(B,)` what all is at least."""
    at_bends: dict[int, Tensor]
    """`(B, units)` coefficients of the units' outputs."""
    lines: dict[int, Any]
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
        self.choices = {at: made for at in range(len(network.layers)) if (made := self._choices(at)) is not None}
        self._maxima = any(isinstance(layer, Largest) for layer in network.layers)
        if self._maxima:
            seen = self._seen(self.root())
            for at, made in self.choices.items():
                made.scale(seen.at_bends[at])

    def _choices(self, at: int) -> Choices[Any] | None:
        """Those of a layer; None of an affine one."""
        layer, passes = self.network.layers[at], self.passes
        bend, sizes = passes.bends[at], passes.sizes[at]
        if isinstance(layer, Rectify) and isinstance(bend, Rectified):
            return Arms(layer, *passes.bounds[at], bend.lower, sizes)
        if isinstance(layer, Largest) and isinstance(passes, ComparedPasses):
            return Pieces(layer, passes.compared[at], sizes)
        return None

    def root(self) -> Nodes:
        """The whole region."""
        return Nodes({at: made.root() for at, made in self.choices.items()}, self._none(1))

    def run(self, most: int, look: Callable[[Tensor], bool], at: Callable[[Tensor], bool] | None = None) -> bool | None:
        """Whether the lead exceeds what is due everywhere; None where that is not known after so many nodes.

        Args:
            most: nodes, at most.
            look: is shown `(B, features)` coefficients of linear bounds, and says whether something mislabelled was
                found where they are least; then the answer is False.
            at: is shown `(1, features)` inputs, and says whether they are mislabelled; likewise.

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
            scores = self._scores(now)
            ended = (scores > -torch.inf).any(1).logical_not()
            if ended.any():
                held = self._last(now.only(ended), look, at)
                if not held:
                    return held
                now, scores = now.only(~ended), scores[~ended]
                if not len(scores):
                    continue
            children = self._children(now, scores)
            count += len(children.bound)
            nodes, seen = self._climbed(children.only(~(children.bound > self.due)))
            if len(nodes.bound) and look(seen.inputs):
                return False
            open_ = nodes.only(~(nodes.bound > self.due)).and_(open_)
        return True

    # -- bounds -------------------------------------------------------------------------------------------------------

    def _seen(self, nodes: Nodes, lines: dict[int, Any] | None = None) -> Seen:
        """One pass backward.

        Args:
            nodes: some.
            lines: theirs, if they are known.
        """
        many = len(nodes.bound)
        if lines is None:
            lines = {at: self.choices[at].lines(state.known) for at, state in nodes.states.items()}
        first = torch.zeros(many, dtype=torch.long)
        rows = Rows(first, self.row.expand(many, -1), torch.zeros(many, dtype=torch.float64))
        at_bends, lost = {}, torch.zeros(many, dtype=torch.float64)
        for at in range(len(self.network.layers) - 1, -1, -1):
            if at not in nodes.states:
                rows = rows.through(self.network.layers[at])  # type: ignore[arg-type]
                continue
            at_bends[at] = rows.coefficients
            coefficients, added, more = self.choices[at].back(rows.coefficients, lines[at], nodes.states[at])
            lost = lost + more
            rows = Rows(first, coefficients, rows.constant + added)
        bound = rows.constant + self.passes.region.least(rows.coefficients, first)
        return Seen(bound - self.passes.rounding * lost, at_bends, lines, rows.coefficients)

    def _climbed(self, nodes: Nodes, steps: int = STEPS) -> tuple[Nodes, Seen]:
        """Nodes with slopes and multipliers that make their bounds large, and what is seen of them last."""
        if not len(nodes.bound):
            return nodes, Seen(nodes.bound, {}, {}, nodes.bound[:, None])
        lines = {at: self.choices[at].lines(state.known) for at, state in nodes.states.items()}
        places = [(at, place) for at, state in nodes.states.items() for place in range(len(state.free))]
        parameters = [nodes.states[at].free[place].clone() for at, place in places]
        first = [torch.zeros_like(each) for each in parameters]
        second = [torch.zeros_like(each) for each in parameters]
        best, kept = self._none(len(nodes.bound)), parameters
        for step in range(steps + 1):
            if self.is_over():
                raise OutOfTime
            parameters = [each.detach().requires_grad_(step < steps) for each in parameters]
            with torch.set_grad_enabled(step < steps):
                seen = self._seen(_with(nodes, places, parameters), lines)
            now = seen.bound.detach()
            better = now > best
            kept = [
                new.detach().where(better.view(-1, *[1] * (new.ndim - 1)), old)
                for new, old in zip(parameters, kept, strict=True)
            ]
            best = best.maximum(now)
            if step == steps or bool((best > self.due).all()):
                break
            gradients = torch.autograd.grad(seen.bound.sum(), parameters, materialize_grads=True, allow_unused=True)
            rate = RATE * 10 ** (-step / steps)
            for number, gradient in enumerate(gradients):
                first[number] = 0.9 * first[number] + 0.1 * gradient
                second[number] = 0.999 * second[number] + 0.001 * gradient**2
                mean, spread = first[number] / (1 - 0.9 ** (step + 1)), second[number] / (1 - 0.999 ** (step + 1))
                moved = parameters[number].detach() + rate * mean / (spread.sqrt() + 1e-12)
                at, place = places[number]
                parameters[number] = self.choices[at].within(nodes.states[at], place, moved)
        found = _with(nodes, places, kept)
        found.bound = best.maximum(nodes.bound)
        return found, self._seen(found, lines)

    # -- branching ----------------------------------------------------------------------------------------------------

    def _scores(self, nodes: Nodes) -> Tensor:
        """`(B, choices)` how much a bound loses by each, numbered through all layers; -inf for one that is made."""
        seen = self._seen(nodes)
        each = [self.choices[at].scores(seen.at_bends[at], seen.lines[at], state) for at, state in nodes.states.items()]
        return torch.cat(each, dim=1)

    def _last(self, nodes: Nodes, look: Callable[[Tensor], bool], at: Callable[[Tensor], bool] | None) -> bool | None:
        """Of nodes at which all is linear, as `run`: whether multipliers alone show it."""
        for number in range(LASTS):
            before = nodes.bound
            nodes, seen = self._climbed(nodes, LAST)
            if look(seen.inputs):
                return False
            short, grown = ~(nodes.bound > self.due), nodes.bound - before
            if not short.any():
                return True
            if number and bool((short & (grown < LEAST * (self.due - nodes.bound))).any()):
                return None
            nodes = nodes.only(short)
            if number == 0 and at is not None and any(map(at, self._least_inputs(nodes))):
                return False
        return None

    def _least_inputs(self, nodes: Nodes) -> Iterator[Tensor]:
        """`(1, features)` where each is least, by a linear programme; none of nodes that hold nothing."""
        for number in range(len(nodes.bound)):
            if self.is_over():
                raise OutOfTime
            states = nodes.only(torch.tensor([number])).states
            found = least_input(self.network, self.choices, states, self.row, self.passes.region)
            if found is not None:
                yield found

    def _children(self, nodes: Nodes, scores: Tensor) -> Nodes:
        """Both children of each node, which have choices left."""
        top = scores.topk(min(GUESSED, scores.shape[1]), dim=1)
        many, count = top.indices.shape
        guessed = nodes.only(torch.arange(many).repeat_interleave(count))
        sides = [self._split(guessed, top.indices.flatten(), first) for first in (True, False)]
        bounds = [self._seen(side).bound.view(many, count) for side in sides]
        worth = torch.minimum(*bounds) + 1e-3 * torch.maximum(*bounds)
        chosen = worth.where(top.values > -torch.inf, -torch.inf).argmax(1) + count * torch.arange(many)
        for side, bound in zip(sides, bounds, strict=True):
            side.bound = side.bound.maximum(bound.flatten())
        return sides[0].only(chosen).and_(sides[1].only(chosen))

    def _split(self, nodes: Nodes, choice: Tensor, first: bool) -> Nodes:
        """With `(B,)` a choice each made, numbered through all layers: its first side, or its second."""
        states, start = {}, 0
        for at, old in nodes.states.items():
            count = self.choices[at].count
            node = ((choice >= start) & (choice < start + count)).nonzero()[:, 0]
            states[at], start = self.choices[at].split(old, node, choice[node] - start, first), start + count
        return Nodes(states, nodes.bound.clone())

    @staticmethod
    def _none(many: int) -> Tensor:
        return torch.full((many,), -torch.inf, dtype=torch.float64)


def _with(nodes: Nodes, places: list[tuple[int, int]], values: list[Tensor]) -> Nodes:
    """With other values of what is free."""
    free: dict[int, list[Tensor]] = {at: [] for at in nodes.states}
    for (at, _), value in zip(places, values, strict=True):
        free[at].append(value)
    states = {at: State(state.known, tuple(free[at])) for at, state in nodes.states.items()}
    return Nodes(states, nodes.bound)
