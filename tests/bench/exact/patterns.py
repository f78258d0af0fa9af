"""The exact worst case of a tiny network by its patterns, of which piece each unit is: a programme for every one.

Within a pattern all is affine, so that the nearest input at which a rival is no longer behind is found by a linear
programme in L_inf and L1, and in L2 by a quadratic one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog, minimize
from torch import Tensor

from adapters.structures import Network
from adapters.structures.layers import Affine, Largest, Rectify

Array = NDArray[np.float64]


def pieces(structure: Network) -> list[list[list[tuple[int, float]]]]:
    """For each layer that bends, for each unit its pieces: an input and a factor."""
    found = []
    for layer in structure.layers:
        if isinstance(layer, Rectify):
            found.append([[(unit, 1.0), (unit, layer.slope)] for unit in range(layer.inputs)])
        elif isinstance(layer, Largest):
            found.append([[(member, 1.0) for member in dict.fromkeys(group)] for group in layer.members.tolist()])
    return found


def regions(structure: Network) -> Iterator[tuple[Array, Array, Array, Array]]:
    """Of each pattern the scores `w x + b`, and where it is the network: `a x + c >= 0`."""
    layers = pieces(structure)
    for pattern in itertools.product(*[range(len(unit)) for layer in layers for unit in layer]):
        chosen, bends = iter(pattern), iter(layers)
        weight, bias = np.eye(structure.inputs), np.zeros(structure.inputs)
        rows, least = [np.zeros((0, structure.inputs))], [np.zeros(0)]
        for layer in structure.layers:
            if isinstance(layer, Affine):
                weight, bias = layer.weight.numpy() @ weight, layer.weight.numpy() @ bias + layer.bias.numpy()
                continue
            values = []
            for unit in next(bends):
                one, factor = unit[next(chosen)]
                values.append((factor * weight[one], factor * bias[one]))
                for other, by in unit:
                    rows.append((values[-1][0] - by * weight[other])[None])
                    least.append(np.array([values[-1][1] - by * bias[other]]))
            weight, bias = np.array([each[0] for each in values]), np.array([each[1] for each in values])
        yield weight, bias, np.concatenate(rows), np.concatenate(least)


def nearest(structure: Network, x: Tensor, own: int, norm: str) -> tuple[float, Array | None]:
    """The least distance from an input in [0, 1] at which a rival is at least as far ahead, infinite where there is
    none, and such an input.
    """
    best: tuple[float, Array | None] = (np.inf, None)
    for weight, bias, rows, least in regions(structure):
        for rival in range(len(structure.classes)):
            if rival != own:
                inside = np.concatenate([rows, (weight[rival] - weight[own])[None]])
                found = _closest(x.double().numpy(), inside, np.append(least, bias[rival] - bias[own]), norm)
                if found is not None and found[0] < best[0]:
                    best = found
    return best


def _closest(x: Array, a: Array, c: Array, norm: str) -> tuple[float, Array] | None:
    """The point of `a z + c >= 0` and [0, 1] nearest to x, and its distance; None where there is none."""
    many = len(x)
    one = norm == "linf"
    away = -np.ones((many, 1)) if one else -np.eye(many)
    rows = np.block([[np.eye(many), away], [-np.eye(many), away], [-a, np.zeros((len(a), away.shape[1]))]])
    costs = np.append(np.zeros(many), np.ones(away.shape[1]))
    limits = [(0.0, 1.0)] * many + [(0.0, None)] * away.shape[1]
    found = linprog(costs, rows, np.concatenate([x, -x, c]), bounds=limits)
    if found.status != 0:
        return None
    point = found.x[:many]
    if norm == "l2":
        inside = {"type": "ineq", "fun": lambda z: a @ z + c, "jac": lambda z: a}
        better = minimize(lambda z: ((z - x) ** 2).sum(), point, jac=lambda z: 2 * (z - x), method="SLSQP",
                          bounds=[(0.0, 1.0)] * many, constraints=inside, options={"ftol": 1e-14})  # fmt: skip
        if (a @ better.x + c >= -1e-9).all():
            point = better.x
    order = {"linf": np.inf, "l1": 1, "l2": 2}[norm]
    return float(np.linalg.norm(point - x, order)), point
