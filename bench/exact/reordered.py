"""Maxima of rectified units are rectified maxima: pooling before the rectifiers asks fewer of them."""

from __future__ import annotations

import dataclasses

from adapters.structures.layers import Largest, Layer, Rectify
from adapters.structures.network import Network


def reordered(network: Network) -> Network:
    """The same network with each rectifier behind the maxima that follow it.

    Rectifiers never fall, rounded or not, so that both networks give the same numbers.
    """
    layers: list[Layer] = []
    for layer in network.layers:
        layers.append(layer)
        place = len(layers) - 1
        while place and isinstance(here := layers[place], Largest) and isinstance(before := layers[place - 1], Rectify):
            layers[place - 1 : place + 1] = [here, Rectify(before.slope, here.outputs)]
            place -= 1
    return dataclasses.replace(network, layers=tuple(layers))
