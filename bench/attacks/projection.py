"""Training points of other classes, projected onto the ball: an attack that asks for labels alone.

After the first step of Chen et al. 2019 (arXiv 1902.10660) and Yang et al. 2020 (arXiv 1906.03310) on trees and
neighbours, which start from training points of other classes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.base import Attack, Need, Role
from bench.threats import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from adapters.base import Adapter
    from bench.draws import Draws

ENOUGH = 200
"""Inputs asked for at once, at least, while there are as many: where few examples are left, more points of each."""


class Projection(Attack):
    """The nearest training points of other classes, each projected onto the ball, until one is mislabelled.

    One with no success comes back as its first projection; where a point lies within the ball, that is the point.
    """

    name: ClassVar[str] = "projection"
    needs: ClassVar[Need] = "labels"
    role: ClassVar[Role] = "query"
    norms: ClassVar[Collection[str]] = ("linf", "l2", "l1", "l0")
    serves_grid: ClassVar[bool] = False
    summary: ClassVar[str] = "the nearest training points of other classes, projected onto the ball"

    points: Annotated[int, Field(ge=1, le=1000)] = 5
    """Training points of each class other than the example's, at most."""

    def craft(
        self, source: Adapter, x: Tensor, y: Tensor, goals: Tensor | None, budgets: Sequence[Threat], draws: Draws
    ) -> Iterator[Tensor]:
        """An example with no success that is mislabelled as it is comes back so.

        Raises:
            Unsupported: the dataset has no training examples.
        """
        pool = draws.training()
        order = pool.rivals(x, y, self.points)
        for budget in budgets:
            found, left, turn = x.clone(), y.new_tensor(range(len(y))), 0
            while len(left) and turn < order.shape[1]:
                turns = min(max(1, ENOUGH // len(left)), order.shape[1] - turn)
                places = order[left, turn : turn + turns]
                near = x[left].repeat_interleave(turns, 0)
                moved = budget.project(near, pool.points[places.flatten()].view_as(near))
                labels = source.predict(moved).view(places.shape)
                wrong = (labels != y[left, None]) & (places >= 0)
                first = wrong.long().argmax(1)  # 0 where none is
                chosen = moved.view(len(left), turns, *x.shape[1:])[range(len(left)), first]
                kept = (wrong.any(1) | (turn == 0)) & (places[:, 0] >= 0)
                found[left[kept]] = chosen[kept]
                left, turn = left[~wrong.any(1)], turn + turns
            if len(left):
                wrong = source.predict(x[left]) != y[left]
                found[left[wrong]] = x[left[wrong]]
            yield found
