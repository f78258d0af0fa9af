"""DeepFool: Moosavi-Dezfooli, Fawzi & Frossard 2016 (arXiv 1511.04599), algorithm 2 and section 3.3 on other norms.

Unlike there the steps know the range: each is the least onto the boundary that stays within it, at first no longer
than the paper's, then longer by a fifth each time. (Cut off afterwards, as implementations do, steps fall short by what
is cut, time and again.) And a success is improved on: the paper's lies where the way that was taken met the boundary,
not where that is nearest to the example.

Checked against adversarial-library 0.2.8 on the net of Wong & Kolter 2018, 200 MNIST images. Median distances without
`returns`, theirs in brackets: L2 3.60 (4.13), L_inf .282 (.513), with 33 and 12 gradients an example (133 and 19).
Beside foolbox 3.3.4 on the reference maxout net, 96 images: L2 1.267 (1.263) without `returns` and 1.229 with them,
L_inf .0857 (.0865) and .0838 (`docs/peers.md`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from bench.attacks.hyperplanes import least_step
from bench.attacks.nearest import MinimumNorm, Nearest
from bench.threats.base import per_example

if TYPE_CHECKING:
    from torch import Tensor

    from bench.draws import Draws


TRUST = 1.2
"""How much longer than the one before a step may be, counted from what it would be without a range."""
TINY = 1e-30
"""Keeps a quotient finite."""
DUAL = {"l2": 2.0, "linf": 1.0}
"""Of each norm, the one that a slope is measured in."""


class DeepFool(MinimumNorm):
    """Steps onto the nearest of the boundaries that the classes would have if the model were linear.

    An example leaves at its first success. Of each step one gradient is asked of every rival class; towards a goal, of
    the goal alone, against the best of the others.
    """

    name: ClassVar[str] = "deepfool"
    revision: ClassVar[int] = 2
    title: ClassVar[str] = "DeepFool"
    norms: ClassVar[Collection[str]] = ("l2", "linf")
    summary: ClassVar[str] = "steps onto the nearest boundary of the model made linear (DeepFool)"

    steps: Annotated[int, Field(ge=1)] = 50
    """Steps, at most."""
    overshoot: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Share of the whole change that is added to it, to come to lie beyond the boundary."""
    rivals: Annotated[int, Field(ge=1)] = 9
    """How many other classes are looked at, the likeliest on the example itself first."""
    returns: Annotated[int, Field(ge=0)] = 3
    """Steps after a success, one gradient each: towards the point nearest to the example of the boundary met."""

    def search(self, near: Nearest, draws: Draws) -> None:
        import torch

        rows = torch.arange(len(near.x), device=near.x.device)
        rivals = near.rivals(self.rivals)
        points = near.x
        for step in range(self.steps + 1):
            if step == self.steps:
                near.ask(rows, points)
                break
            onto, hit = self._onto(near, rows, points, rivals[rows], TRUST**step)
            going = ~hit & (onto.flatten(1) != 0).any(1)
            rows, points, onto = rows[going], points[going], onto[going]
            if not len(rows):
                break
            base = (points - near.x[rows]) / (1 + self.overshoot)
            points = near.moved(rows, (1 + self.overshoot) * (base + onto))
        if self.returns:
            near.draw_nearer()
            self._return(near)

    def _return(self, near: Nearest) -> None:
        """From each success: the least step from the example onto the boundary as it is made linear there, if nearer.

        An example leaves once that is no nearer than its nearest success. A miss is gone on from: it shows the boundary
        from the other side.
        """
        rows = (near.distance.isfinite() & (near.distance > 0)).nonzero()[:, 0]
        points = near.points[rows]
        for _ in range(self.returns):
            if not len(rows):
                return
            seen = near.look(rows, points)
            gone = (seen.gradient.double() * (points - near.x[rows])).flatten(1).sum(1)
            _, way = least_step(near.threat, near.x[rows], seen.gradient, gone - seen.value)
            points = near.moved(rows, (1 + self.overshoot) * way)
            nearer = near.threat.distance(near.x[rows], points) < near.distance[rows]
            rows, points = rows[nearer], points[nearer]
        near.ask(rows, points)

    def _onto(self, near: Nearest, rows: Tensor, points: Tensor, rivals: Tensor, trust: float) -> tuple[Tensor, Tensor]:
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
            gain = seen.value.double().abs()
            gap, way = least_step(near.threat, points[left], seen.gradient, gain)
            steep = seen.gradient.flatten(1).double().norm(p=DUAL[near.threat.norm or ""], dim=1)
            most = trust * gain / (steep * gap).clamp_min(TINY)
            way = way * per_example(most.clamp_max(1), way)
            nearer = gap < length[left]
            chosen = left.nonzero()[:, 0][nearer]
            length[chosen] = gap[nearer]
            best[chosen] = way[nearer].to(best.dtype)
        return best, hit
