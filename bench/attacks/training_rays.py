"""RayS, its searches begun towards training points of other classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.rays import STARTS, RayS, Search
from bench.threats import Threat

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws

FLAT = 1e-3
"""Share of a row's largest difference below which a feature is taken for alike in both classes."""


class TrainingRays(RayS):
    """RayS where the first rays lead from the example's own class to the others', as training points tell.

    A ray goes, feature by feature, from the mean of the nearest training points of the example's class to the mean of
    the nearest of another, nearest class first; where both are alike, to the wall of the range that is nearer, where an
    image's empty margin stays empty. Every search begins with another of these while there are some, then at random.
    """

    name: ClassVar[str] = "training-rays"
    title: ClassVar[str] = "RayS from training points"
    revision: ClassVar[int] = 1
    summary: ClassVar[str] = "RayS, begun towards the nearest training points of other classes"

    points: Annotated[int, Field(ge=1, le=1000)] = 3
    """Training points that stand for a class."""

    def _search(self, x: Tensor, y: Tensor, budget: Threat, draws: Draws) -> Search:
        return _Led(x, budget, draws, self.draw, self._signs(x, y, budget, draws))

    def _signs(self, x: Tensor, y: Tensor, budget: Threat, draws: Draws) -> Tensor:
        """`(N, C, F)` int8 rays, the nearest class first."""
        import torch

        flat, (means, apart, kinds) = x.flatten(1), draws.training().means(x, self.points)
        own = kinds == y[:, None]
        order = apart.masked_fill(own, torch.inf).argsort(stable=True, dim=1)[:, : max(1, len(kinds) - 1)]
        towards = means.gather(1, order[:, :, None].expand(-1, -1, flat.shape[1]))
        base = flat.where(~own.any(1)[:, None], (means * own[:, :, None]).sum(1))
        step = towards - base[:, None]
        middle = 0.0 if budget.clip is None else sum(budget.clip) / 2
        wall = torch.where(flat < middle, -1, 1)[:, None]
        alike = step.abs() <= FLAT * step.abs().amax(2, keepdim=True)
        return torch.where(alike, wall, step.sign()).char()


class _Led(Search):
    """A search whose starts are given."""

    def __init__(self, x: Tensor, threat: Threat, draws: Draws, draw: int, given: Tensor) -> None:
        super().__init__(x, threat, draws, draw)
        self.given = given

    def start(self, search: int, turn: int) -> Tensor:
        number = turn if search == 0 else STARTS - 1 + search
        return self.given[:, number] if number < self.given.shape[1] else super().start(search, turn)
