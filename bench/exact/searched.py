"""What linear bounds leave open of a network, example by example: by branch and bound (`bench.exact.splitting`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from adapters.structures.network import Network
from bench.exact.compared import ComparedPasses
from bench.exact.region import Region
from bench.exact.rows import Rows
from bench.exact.splitting import Splitting
from bench.threats import Threat
from bench.threats.base import ULP


class Searched(NamedTuple):
    """What a search came to."""

    held: bool
    """Nothing within the radius is labelled otherwise."""
    witness: Tensor | None
    """`(features,)` float32: something is, this."""


def searched(
    network: Network, x: Tensor, own: int, radius: float, threat: Threat, nodes: int, is_over: Callable[[], bool]
) -> Searched:
    """Search through so many nodes a rival, at most.

    Args:
        network: what labels.
        x: `(features,)` float32, an input.
        own: place of its label.
        radius: of the ball.
        threat: norm and range.
        nodes: of each rival's search.
        is_over: whether the time is.

    Raises:
        OutOfTime: the time is over.
    """
    flat, column = x[None].double(), torch.tensor([own])
    passes = ComparedPasses(network, Region(flat, torch.tensor([radius], dtype=torch.float64), threat), is_over)
    low, high = passes.bounds[-1]
    off = network.errors(passes.bounds[:-1]) + passes.loss
    due = (off + off.gather(1, column[:, None]) + network.blur(low, high)[:, None])[0]
    look = _Look(network, passes.region, x, own, radius, threat)
    rivals = [rival for rival in range(len(network.classes)) if rival != own]
    rows = torch.zeros(len(rivals), len(network.classes), dtype=torch.float64)
    rows[:, own], rows[range(len(rivals)), rivals] = 1, -1
    first = Rows(torch.zeros(len(rivals), dtype=torch.long), rows, torch.zeros(len(rivals), dtype=torch.float64))
    bound = passes.carried(first, len(network.layers)) - due[rivals]
    for place in bound.argsort().tolist():
        if bound[place] > 0:
            break
        search = Splitting(network, passes, rows[place], float(due[rivals[place]]), is_over)
        if not search.run(nodes, look, look.at):
            return Searched(False, look.witness)
    return Searched(True, None)


class _Look:
    """Whether inputs that linear bounds are least at are mislabelled."""

    def __init__(self, network: Network, region: Region, x: Tensor, own: int, radius: float, threat: Threat) -> None:
        self.network, self.region, self.x, self.own, self.threat = network, region, x, own, threat
        self.witness: Tensor | None = None
        inward = float(threat.geometry.inward(torch.tensor([radius], dtype=torch.float64), x[None])[0])
        inward *= 1 - 2 * ULP  # to the size itself: a board counts nothing beyond
        self._share = inward / radius if radius else 1.0

    def __call__(self, coefficients: Tensor) -> bool:
        """Shown `(B, features)` of them."""
        return self._tried(self._farthest(coefficients))

    def at(self, points: Tensor) -> bool:
        """Shown `(B, features)` inputs instead, that may lie a little outside."""
        region = self.region
        away = points.clamp(region.low, region.high) - region.x
        if region.norm != "linf":
            lengths = self.threat.geometry.lengths(away)[:, None]
            away = away * (region.radius[:, None] / lengths.clamp_min(1e-300)).clamp_max(1)
        return self._tried(away)

    def _tried(self, away: Tensor) -> bool:
        moved = self.region.x + self._share * away
        point = self.threat.cut(moved).to(torch.float32)
        beyond = (point - self.region.x).abs() > (moved - self.region.x).abs()
        point = torch.nextafter(point, self.x.expand_as(point)).where(beyond, point)
        scores = self.network.scores(point)
        behind = scores[:, self.own] - scores.amax(1) < -self.network.roundoff(point)
        if behind.any():
            self.witness = point[int(behind.long().argmax())]
        return self.witness is not None

    def _farthest(self, coefficients: Tensor) -> Tensor:
        """`(B, features)` changes within the ball along which linear functions fall most; in L1 along one feature."""
        region = self.region
        if region.norm == "linf":
            corner: Tensor = region.low.where(coefficients > 0, region.high)
            return corner - region.x
        if region.norm == "l1":
            away = torch.zeros_like(coefficients)
            most = coefficients.abs().argmax(1, keepdim=True)
            return away.scatter(1, most, -region.radius[:, None] * coefficients.gather(1, most).sign())
        lengths = torch.linalg.vector_norm(coefficients, dim=1, keepdim=True).clamp_min(1e-300)
        straight: Tensor = -region.radius[:, None] * coefficients / lengths
        return straight
