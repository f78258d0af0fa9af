"""Ordinary training."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from bench.training.nets.base import Net
from bench.training.objectives.base import Objective


@dataclass(frozen=True)
class Plain(Objective):
    """The network's own loss on the examples as they are, J(x)."""

    def __call__(self, net: Net, x: Tensor, y: Tensor) -> Tensor:
        return net.loss(net(x), y)
