"""What attacks without a gradient share: questions about points, counted, and what their answers say of a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.attacks.losses import margin

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter

ENOUGH = 200
"""Points asked about at once, at least, while there are as many."""


class Asking:
    """One model, asked about points around `N` examples, of none of them more often than it may be.

    A model that answers at random is asked about each point several times; a mistake is one in all of its answers.
    """

    def __init__(self, source: Adapter, y: Tensor, queries: int, draws: int = 1) -> None:
        """
        Args:
            source: the model.
            y: `(N,)` the classes to leave.
            queries: answers for each example, at most; of a model that answers at random `draws` at least.
            draws: answers to average at each point, of a model that answers at random.
        """
        self.source, self.y = source, y
        self.times = draws if source.stochastic else 1
        self.left = y.new_zeros(len(y)) + max(1, queries // self.times)
        """`(N,)` points that each example may still be asked about."""
        self.scored = True
        """Whether every answer so far had scores."""

    def wrong(self, rows: Tensor, points: Tensor) -> Tensor:
        """`(n,)` whether `(n, *shape)` points of the examples at `rows`, which may repeat, are mislabelled."""
        return self._told(rows, points, scores=False)[1]

    def leads(self, rows: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """`(n,)` float64 how far the best other class is ahead of the example's own, in scores; and `wrong`.

        Raises:
            Unsupported: the model gives labels only.
        """
        return self._told(rows, points, scores=True)

    def _told(self, rows: Tensor, points: Tensor, *, scores: bool) -> tuple[Tensor, Tensor]:
        import torch

        self.left -= torch.bincount(rows, minlength=len(self.left))
        lead = points.new_zeros(len(rows), dtype=torch.float64)
        wrong = torch.ones_like(rows, dtype=torch.bool)
        size = max(ENOUGH, len(self.y))  # what is made at once stays as large as the batch
        for start in range(0, len(rows), size):
            part = slice(start, start + size)
            for _ in range(self.times):
                answer = self.source.outputs(points[part])
                self.scored &= answer.scores is not None
                wrong[part] &= answer.labels != self.y[rows[part]]
                if scores:
                    given = self.source.scores(points[part][:1]) if answer.scores is None else answer.scores
                    lead[part] += margin(given.double(), self.y[rows[part]]) / self.times
        return lead.nan_to_num(nan=-torch.inf), wrong
