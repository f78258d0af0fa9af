"""What a certificate is: a proof, example by example, of how near there is no mislabelled input."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from torch import Tensor

from adapters.structures.base import Structure
from bench.threats import Threat


class Proof(NamedTuple):
    """What is proved of `N` examples, in exact arithmetic on what the model computes but for `Structure.roundoff`."""

    radius: Tensor
    """`(N,)` float64: no allowed input up to that far is labelled other than `y`, whatever rounding does in
    the model. 0 where nothing is proved, infinite where no allowed input is mislabelled at all. The slack that the
    judge allows beyond a radius is taken off later."""
    witness: Tensor
    """Of `x`'s shape and type: an input expected to be mislabelled, as near as is known; where there is none, `x`."""
    exact: Tensor
    """`(N,)` bool: whether the nearest mislabelled input is no farther than the radius, but for rounding; how far that
    puts the witness off is looked at later."""


PATIENCE = 10
"""How many times its time a certificate may take by the clock, which runs on while it waits for a model."""


@dataclass(frozen=True)
class Effort:
    """How far to go."""

    sizes: tuple[float, ...] = ()
    """Radii, ascending, that are tried one by one where there is no closed form."""
    seconds: float = 10.0
    """Processor time an example, on average over a batch; where it is over, what is not decided stays open.

    Of the processor, so that what else the machine does changes no proof; by the clock `PATIENCE` times as long.
    """
    nodes: int = 0
    """Nodes of each search by branch and bound of what bounds leave open, at most; 0 for no search. Of networks."""
    started: tuple[float, float] = field(default_factory=lambda: (time.process_time(), time.monotonic()))

    def is_over(self, n: int) -> bool:
        """Whether the time of `n` examples is over."""
        worked, waited = time.process_time() - self.started[0], time.monotonic() - self.started[1]
        return worked >= n * self.seconds or waited >= PATIENCE * n * self.seconds


class Certificate(ABC):
    """What is known to be proved of models of one structure."""

    norms: ClassVar[Collection[str]]
    """The norms in which it is."""

    @abstractmethod
    def prove(self, structure: Structure, x: Tensor, y: Tensor, threat: Threat, effort: Effort) -> Proof:
        """What can be proved of examples that the model labels right.

        Args:
            structure: of the kind that this is for.
            x: `(N, *input_shape)` float32 inputs in the dataset's units.
            y: `(N,)` their labels, right ones, each among `structure.classes`.
            threat: its norm is one of `norms`; `clip` is the range that inputs lie in, None for no range.
            effort: how far to go.
        """
