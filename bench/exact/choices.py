"""What branch and bound may settle at one layer of a network, one choice after the other.

A choice has two sides that are all inputs together: the sign of a rectified unit's input (`bench.exact.arms`), or which
of two pieces of a maximum is the larger one (`bench.exact.pieces`). What is known at a node is one tensor a layer, and
what makes its bound large, slopes and multipliers, a few more: any values within their limits give a bound.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

Lines = TypeVar("Lines")


class Affine(NamedTuple):
    """`(outputs, features)` weights and `(outputs,)` biases: functions of a network's inputs."""

    weight: Tensor
    bias: Tensor

    def only(self, places: Tensor) -> Affine:
        """Some of them."""
        return Affine(self.weight[places], self.bias[places])

    def less(self, other: Affine) -> Affine:
        """The differences."""
        return Affine(self.weight - other.weight, self.bias - other.bias)

    def times(self, factor: Tensor) -> Affine:
        """Each times a number."""
        return Affine(self.weight * factor[:, None], self.bias * factor)


@dataclass(frozen=True)
class State:
    """Of one layer at `B` nodes."""

    known: Tensor
    """`(B, ...)` what has been chosen."""
    free: tuple[Tensor, ...]
    """`(B, ...)` each: what a climb may move."""

    def only(self, which: Tensor) -> State:
        """Some of them."""
        return State(self.known[which], tuple(each[which] for each in self.free))

    def and_(self, more: State) -> State:
        """All of both."""
        pairs = zip(self.free, more.free, strict=True)
        return State(torch.cat([self.known, more.known]), tuple(torch.cat(pair) for pair in pairs))


class Choices(ABC, Generic[Lines]):
    """All choices of one layer."""

    count: int
    """How many."""

    @abstractmethod
    def root(self) -> State:
        """Of one node, at which nothing is chosen."""

    @abstractmethod
    def lines(self, known: Tensor) -> Lines:
        """Below and above the units of `B` nodes, by what is known."""

    @abstractmethod
    def back(self, rows: Tensor, lines: Lines, state: State) -> tuple[Tensor, Tensor, Tensor]:
        """A bound from below of functions of the layer's outputs.

        Args:
            rows: `(B, outputs)` their coefficients.
            lines: of the nodes.
            state: of the nodes.

        Returns:
            `(B, inputs)` coefficients of the layer's inputs, `(B,)` what is added to the constants, and `(B,)` sizes of
            what the multipliers' terms are made of, for what rounding does to them.
        """

    @abstractmethod
    def within(self, state: State, place: int, moved: Tensor) -> Tensor:
        """The values of `free[place]` that are allowed and nearest to these."""

    @abstractmethod
    def scores(self, rows: Tensor, lines: Lines, state: State) -> Tensor:
        """`(B, count)` how much a bound loses by each that is not chosen; -inf where nothing is left to choose.

        Args:
            rows: `(B, outputs)` coefficients of the outputs.
            lines: of the nodes.
            state: of the nodes.
        """

    @abstractmethod
    def split(self, state: State, node: Tensor, choice: Tensor, first: bool) -> State:
        """All nodes, of which `(n,)` nodes have made one choice each: its first side, or its second."""

    @abstractmethod
    def settled(self, inputs: Affine, state: State) -> tuple[Affine, Affine]:
        """The outputs at one node with no choice left, and what is at least 0 there by the choices made.

        Args:
            inputs: the layer's, as functions of the network's.
            state: of the node.
        """

    def scale(self, rows: Tensor) -> None:
        """Told `(1, outputs)` coefficients of the outputs at the root, before all else."""
