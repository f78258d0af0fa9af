"""k nearest neighbours."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.rounding import sum_roundoff
from adapters.structures.base import Structure


@dataclasses.dataclass(frozen=True)
class Neighbours(Structure):
    """The class of most votes among the k stored points at the least Euclidean distance, a tie to the lowest class.

    The score of a class is its votes; of a single neighbour, minus the squared distance to the class's nearest point.
    """

    kind: ClassVar[str] = "neighbours"

    points: Tensor
    """`(M, features)` float64."""
    owners: Tensor
    """`(M,)` int64: the column of the scores that each point votes for; every column has a point."""
    k: int
    """Neighbours that vote, at least 1 and at most M."""
    single: bool
    """Whether the model rounds its distances to float32; it adds them up in float64."""

    def squares(self, x: Tensor) -> Tensor:
        """`(N, M)` float64 squared distances."""
        flat = x.flatten(1).double()
        lengths = (flat**2).sum(1, keepdim=True) + (self.points**2).sum(1)
        return (lengths - 2 * flat @ self.points.T).clamp_min(0)

    def scores(self, x: Tensor) -> Tensor:
        squares, width = self.squares(x), len(self.classes)
        if self.k == 1:
            return -torch.stack([squares[:, self.owners == column].amin(1) for column in range(width)], dim=1)
        near = squares.topk(self.k, dim=1, largest=False).indices
        return F.one_hot(self.owners[near], width).sum(1).double()

    def roundoff(self, x: Tensor) -> Tensor:
        """Of a single neighbour as said; of more, beyond all votes where rounding leaves open whose votes count."""
        near = self.squares(x).topk(min(self.k + 1, len(self.points)), dim=1, largest=False).values
        error = self.blur(near[:, -1].sqrt(), x.flatten(1).double().norm(dim=1))
        if self.k == 1:
            return error
        apart = near[:, -1] - near[:, -2] if len(self.points) > self.k else torch.inf
        return torch.where(apart <= error, self.k + 1.0, 0.0).double()

    def blur(self, distance: Tensor, length: Tensor) -> Tensor:
        """`(N,)` how far rounding may take a difference of two squared distances from theirs.

        Args:
            distance: `(N,)` float64 the larger distance.
            length: `(N,)` float64 length of the input.
        """
        own = torch.finfo(torch.float32 if self.single else torch.float64).eps
        size = length + self.points.norm(dim=1).max()
        error: Tensor = 2 * (8 * own * distance**2 + 2 * sum_roundoff(self.points.shape[1], torch.float64) * size**2)
        return error
