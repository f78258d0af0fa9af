"""DeepFool: Moosavi-Dezfooli, Fawzi & Frossard 2016 (arXiv 1511.04599), algorithm 2 and section 3.3 on other norms.

Unlike there the steps know the range: each is the least onto the boundary that stays within it. (Cut off afterwards, as
implementations do, they fall short by what is cut, time and again, and the linear model's answer is missed.)
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.hyperplanes import least_step
from bench.attacks.nearest import MinimumNorm, Nearest

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws


class DeepFool(MinimumNorm):
    """Steps onto the nearest of the boundaries that the classes would have if the model were linear.

    An example leaves at its first success. Of each step one gradient is asked of every rival class; towards a goal, of
    the goal alone, against the best of the others.
    """

    name: ClassVar[str] = "deepfool"
    title: ClassVar[str] = "DeepFool"
    norms: ClassVar[Collection[str]] = ("l2", "linf")
    summary: ClassVar[str] = "steps onto the nearest boundary of the model made linear (DeepFool)"

    steps: Annotated[int, Field(ge=1)] = 50
    """Steps, at most."""
    overshoot: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Share of the whole change that is added to it, to come to lie beyond the boundary."""
    rivals: Annotated[int, Field(ge=1)] = 9
    """How many other classes are looked at, the likeliest on the example itself first."""

    def search(self, near: Nearest, draws: Draws) -> None:
        import torch

        rows = torch.arange(len(near.x), device=near.x.device)
        rivals = near.rivals(self.rivals)
        points = near.x
        for step in range(self.steps + 1):
            if step == self.steps:
                near.ask(rows, points)
                return
            onto, hit = self._onto(near, rows, points, rivals[rows])
            going = ~hit & (onto.flatten(1) != 0).any(1)
            rows, points, onto = rows[going], points[going], onto[going]
            if not len(rows):
                return
            base = (points - near.x[rows]) / (1 + self.overshoot)
            points = near.moved(rows, (1 + self.overshoot) * (base + onto))

    def _onto(self, near: Nearest, rows: Tensor, points: Tensor, rivals: Tensor) -> tuple[Tensor, Tensor]:
        """`(n, *shape)` the least step onto a boundary, zero where there is none; `(n,)` which points are a success."""
        import torch

        hit = torch.zeros_like(rows, dtype=torch.bool)
        length = torch.full((len(rows),), torch.inf, dtype=torch.float64, device=points.device)
        best = torch.zeros_like(points)
        for place in range(rivals.shape[1]):
            left = ~hit
            if not left.any():
                break
            seen = near.look(rows[left], points[left], near.towards(rivals[left, place]))
            if place == 0:
                hit = hit.masked_scatter(left, seen.hit)
            gap, way = least_step(near.threat, points[left], seen.gradient, seen.value.abs())
            nearer = gap < length[left]
            chosen = left.nonzero()[:, 0][nearer]
            length[chosen] = gap[nearer]
            best[chosen] = way[nearer].to(best.dtype)
        return best, hit
