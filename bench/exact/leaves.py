"""Nodes at which nothing is left to choose: all is linear there, and a linear programme finds the least lead.

Its answer is a candidate, in floating point: it proves nothing, and is looked at as any other is. Multipliers prove.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from adapters.structures.network import Network
from bench.exact.choices import Affine, Choices, State
from bench.exact.region import Region


def least_input(
    network: Network, choices: Mapping[int, Choices[Any]], states: Mapping[int, State], row: Tensor, region: Region
) -> Tensor | None:
    """`(1, features)` where a function of the scores is least within a region and what is known at one node, about.

    Args:
        network: the network.
        choices: of each layer that bends.
        states: of that one node.
        row: `(K,)` coefficients of the scores.
        region: of one example. In L2 it is taken for the box around it.

    Returns:
        None where nothing of the region is left at the node.
    """
    from scipy.optimize import linprog

    features = network.inputs
    here = Affine(torch.eye(features, dtype=torch.float64), torch.zeros(features, dtype=torch.float64))
    signs = [here.only(torch.zeros(0, dtype=torch.long))]
    for at, layer in enumerate(network.layers):
        if at in choices:
            here, above = choices[at].settled(here, states[at])
            signs.append(above)
        else:
            zero = layer(torch.zeros(1, layer.inputs, dtype=torch.float64))
            here = Affine((layer(here.weight.T) - zero).T, layer(here.bias[None])[0])
    weight, bias = (torch.cat([getattr(each, name) for each in signs]) for name in ("weight", "bias"))
    low, high, x = region.low[0], region.high[0], region.x[0]
    costs, matrix, most = row @ here.weight, -weight, bias
    ends = torch.stack([low, high], dim=1)
    if region.norm == "l1":  # how far each feature moves up and down, in place of it
        costs, matrix, most = torch.cat([costs, -costs]), torch.cat([matrix, -matrix], dim=1), most - matrix @ x
        matrix = torch.cat([matrix, torch.ones(1, 2 * features, dtype=torch.float64)])
        most = torch.cat([most, region.radius])
        ends = torch.stack([torch.zeros(2 * features, dtype=torch.float64), torch.cat([high - x, x - low])], dim=1)
    found = linprog(costs.numpy(), matrix.numpy(), most.numpy(), bounds=ends.numpy(), method="highs")
    if found.x is None:
        return None
    point = torch.from_numpy(found.x)
    return (x + point[:features] - point[features:])[None] if region.norm == "l1" else point[None]
