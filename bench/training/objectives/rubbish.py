"""Training on rubbish: inputs of no class, which no class may claim (arXiv 1412.6572, appendix A)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.training.nets.base import Net
from bench.training.objectives.base import Objective


@dataclass(frozen=True, kw_only=True)
class GaussianRubbish(Objective):
    """`J(x) + weight R(z)`, one `z ~ N(0, I)` an example, with R the network's own loss on inputs of no class."""

    weight: float

    def __call__(self, net: Net, x: Tensor, y: Tensor) -> Tensor:
        return net.loss(net(x), y) + self.weight * net.rubbish_loss(net(torch.randn_like(x)))
