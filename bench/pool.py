"""The training examples that attacks may draw on, and which of them lie near an input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

CELLS = 2**24
"""Distances held at once, at most: 64 MiB in float32."""


class Pool:
    """Labelled examples in float32, grouped by class. One copy serves every batch and attack."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        """
        Args:
            x: `(M, features)` examples in the dataset's units, class after class.
            y: `(M,)` their classes.
        """
        self.points, self.classes = x, y
        self._parts = [(kind, size) for kind, size in enumerate(y.bincount().tolist()) if size]
        self._squares = x.norm(dim=1) ** 2  # in one pass: no second copy of the examples

    def rivals(self, x: Tensor, y: Tensor, each: int) -> Tensor:
        """`(N, R)` places of the points nearest to each input, of every class but its own, nearest first.

        Near is by Euclidean distance, whatever the threat's norm: most images differ by almost the whole range in some
        pixel, so that the largest difference does not tell them apart, and how much of a difference a projection leaves
        goes by the Euclidean one. Matrix products in blocks: memory does not grow with `N`.

        Args:
            x: `(N, *input_shape)` inputs.
            y: `(N,)` their classes.
            each: points of one class, at most. Rows that have fewer than others end in places of -1.
        """
        import torch

        rows = max(1, CELLS // len(self.points))
        blocks = zip(torch.split(x.flatten(1), rows), torch.split(y, rows), strict=True)
        return torch.cat([self._rivals(part, own, each) for part, own in blocks])

    def _rivals(self, x: Tensor, y: Tensor, each: int) -> Tensor:
        import torch

        near, places = [], []
        for kind, apart, found in self._nearest(x, each):
            near.append(apart.masked_fill((y == kind)[:, None], torch.inf))
            places.append(found)
        ordered, order = torch.cat(near, dim=1).sort(dim=1, stable=True)
        found = torch.cat(places, dim=1).gather(1, order).masked_fill(ordered == torch.inf, -1)
        return found[:, : int((found >= 0).sum(1).max())] if len(found) else found

    def means(self, x: Tensor, each: int) -> tuple[Tensor, Tensor, Tensor]:
        """What the nearest points of every class are like: `each` of them, or as many as there are.

        Returns:
            `(N, C, features)` their means, `(N, C)` the inputs' Euclidean distances to them, `(C,)` the classes.
        """
        import torch

        rows = max(1, CELLS // len(self.points))
        means = [self._means(part, each) for part in torch.split(x.flatten(1), rows)]
        found = torch.cat(means)
        return (
            found,
            (found - x.flatten(1)[:, None]).norm(dim=2),
            x.new_tensor([kind for kind, _ in self._parts]).long(),
        )

    def _means(self, x: Tensor, each: int) -> Tensor:
        import torch

        return torch.stack([self.points[places].mean(1) for _, _, places in self._nearest(x, each)], dim=1)

    def _nearest(self, x: Tensor, each: int) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Each class with its `(N, E)` nearest points: how far, squared, less the input's own square; and where."""
        apart, start = self._squares - 2 * (x @ self.points.T), 0
        for kind, size in self._parts:
            best = apart[:, start : start + size].topk(min(each, size), dim=1, largest=False)
            yield kind, best.values, best.indices + start
            start += size
