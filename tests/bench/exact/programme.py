"""The exact radius of a small network, by a mixed-integer programme."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import Bounds, LinearConstraint, milp
from torch import Tensor

from adapters.structures import Network
from adapters.structures.layers import Affine, Layer, Rectify


class Programme:
    """A network of affine layers and maxima as a mixed-integer programme, every unit the largest of its pieces."""

    def __init__(self, structure: Network, x: Tensor) -> None:
        n = len(x)
        self.low, self.high, self.integer = [0.0] * n + [0.0], [1.0] * n + [1.0], [0] * (n + 1)
        self.rows: list[tuple[dict[int, float], float]] = []  # sum of coefficients of variables, at most so much
        for place, value in enumerate(x.double().tolist()):
            self.rows += [({place: 1.0, n: -1.0}, value), ({place: -1.0, n: -1.0}, -value)]
        box = torch.zeros(1, n).double(), torch.ones(1, n).double()
        self.radius, values = n, list(range(n))
        for layer in structure.layers:
            values, box = self._added(layer, values, box)
        self.scores = values

    def _variable(self, low: float, high: float, integer: int = 0) -> int:
        self.low.append(low - 1e-6 * (1 - integer))
        self.high.append(high + 1e-6 * (1 - integer))
        self.integer.append(integer)
        return len(self.low) - 1

    def _added(
        self, layer: Layer, values: list[int], box: tuple[Tensor, Tensor]
    ) -> tuple[list[int], tuple[Tensor, Tensor]]:
        low, high = box
        if isinstance(layer, Affine):
            middle, half = layer((low + high) / 2), (high - low) / 2 @ layer.weight.abs().T
            low, high = middle - half, middle + half
            made = [self._variable(*ends) for ends in zip(low[0].tolist(), high[0].tolist(), strict=True)]
            for unit, (weights, bias) in enumerate(zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)):
                terms = dict(zip(values, weights, strict=True))
                self.rows += [({**terms, made[unit]: -1.0}, -bias)]
                self.rows += [({**{v: -w for v, w in terms.items()}, made[unit]: 1.0}, bias)]
            return made, (low, high)
        pieces = (
            [[(v, 1.0), (v, layer.slope)] for v in values]
            if isinstance(layer, Rectify)
            else [[(values[member], 1.0) for member in group] for group in layer.members.tolist()]  # type: ignore[union-attr]
        )
        low, high = layer(low), layer(high)
        made = []
        for group, floor, ceiling in zip(pieces, low[0].tolist(), high[0].tolist(), strict=True):
            unit = self._variable(floor, ceiling)
            which = [self._variable(0, 1, 1) for _ in group]
            for (value, factor), on in zip(group, which, strict=True):
                reach = ceiling - min(factor * self.low[value], factor * self.high[value]) + 1
                self.rows += [({value: factor, unit: -1.0}, 0.0), ({unit: 1.0, value: -factor, on: reach}, reach)]
            self.rows += [(dict.fromkeys(which, -1.0), -1.0)]
            made.append(unit)
        return made, (low, high)

    def least(self, own: int, rival: int) -> float:
        """The least radius at which the rival's score reaches the own; infinite where it never does."""
        rows = [*self.rows, ({self.scores[own]: 1.0, self.scores[rival]: -1.0}, 0.0)]
        matrix = np.zeros((len(rows), len(self.low)))
        for row, (terms, _) in enumerate(rows):
            for place, factor in terms.items():
                matrix[row, place] += factor
        costs = np.zeros(len(self.low))
        costs[self.radius] = 1
        limits = LinearConstraint(matrix, -np.inf, [most for _, most in rows])
        for presolve in (True, False):  # HiGHS gives up on a few with the one, and on hardly any with both
            options = {"presolve": presolve, "mip_rel_gap": 1e-9}
            ends = Bounds(self.low, self.high)
            found = milp(costs, constraints=limits, bounds=ends, integrality=self.integer, options=options)
            if found.status != 4:
                break
        assert found.status in (0, 2), found.message
        return float(found.fun) if found.status == 0 else math.inf


def exact(structure: Network, x: Tensor, own: int) -> float:
    programme = Programme(structure, x)
    return min(programme.least(own, rival) for rival in range(len(structure.classes)) if rival != own)
