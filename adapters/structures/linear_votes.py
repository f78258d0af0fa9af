"""Pairs of classes that vote, each by a linear function."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

from adapters.structures.base import Structure
from adapters.structures.linear import Linear
from adapters.structures.votes import blurred, by_pair, votes


@dataclasses.dataclass(frozen=True)
class LinearVotes(Structure):
    """Scores are votes: a pair i < j votes for i where its linear function is above 0, and for j where it is below."""

    kind: ClassVar[str] = "linear-votes"

    pairs: Linear
    """A class a pair, in the order (0, 1), (0, 2), ... (1, 2), ... of the columns of these scores."""
    breaks_ties: bool
    """How ties of votes are broken, see `adapters.structures.votes`."""

    def __post_init__(self) -> None:
        """Raise ValueError unless there is a function a pair."""
        super().__post_init__()
        count = len(self.classes)
        if len(self.pairs.classes) != count * (count - 1) // 2:
            raise ValueError("it has not one function for each pair of classes")

    def decisions(self, x: Tensor) -> Tensor:
        """`(N, K, K)` what speaks for the class of the row against that of the column."""
        return by_pair(self.pairs.scores(x), len(self.classes))

    def errors(self, x: Tensor) -> Tensor:
        """`(N, P)` how far the model's own functions may be from these."""
        flat = x.flatten(1).double()
        pairs = self.pairs
        return flat.abs() @ pairs.off.T + pairs.rest + pairs.square * flat.square().sum(1, keepdim=True)

    def scores(self, x: Tensor) -> Tensor:
        return votes(self.decisions(x), self.breaks_ties)

    def roundoff(self, x: Tensor) -> Tensor:
        error = by_pair(self.errors(x), len(self.classes), sign=1)
        return blurred(self.decisions(x), error, self.breaks_ties)

    def scaled(self, slope: Tensor, offset: Tensor) -> LinearVotes:
        return self._with(lambda pairs: pairs.scaled(slope, offset))

    def spread(self, places: Tensor, features: int) -> LinearVotes:
        return self._with(lambda pairs: pairs.spread(places, features))

    def projected(self, matrix: Tensor, offset: Tensor, origin: Tensor, dtype: torch.dtype) -> LinearVotes:
        """As of linear classifiers."""
        return self._with(lambda pairs: pairs.projected(matrix, offset, origin, dtype))

    def _with(self, change: Callable[[Linear], Linear]) -> LinearVotes:
        return dataclasses.replace(self, pairs=change(self.pairs))
