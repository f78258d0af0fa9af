"""Training on noise, the control of adversarial training (arXiv 1412.6572, section 6), and on rubbish (appendix A)."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.threats import Epsilon
from bench.training.nets.base import Net
from bench.training.objectives.base import Objective


class UniformNoise(Objective):
    """J(x + noise), drawn anew at every step: independent on every feature, uniform on [-eps, eps]."""

    eps: Epsilon

    def noise(self, x: Tensor) -> Tensor:
        """Of the shape of `x`, of L_inf norm at most 1."""
        return torch.empty_like(x).uniform_(-1.0, 1.0)

    def __call__(self, net: Net, x: Tensor, y: Tensor) -> Tensor:
        return net.loss(net(x + self.eps * self.noise(x)), y)


class SignNoise(UniformNoise):
    """+eps or -eps on every feature, at random."""

    def noise(self, x: Tensor) -> Tensor:
        return 2.0 * torch.empty_like(x).bernoulli_(0.5) - 1.0


class GaussianRubbish(Objective):
    """`J(x) + weight R(z)`, one `z ~ N(0, I)` an example, with R the network's own loss on inputs of no class."""

    weight: float

    def __call__(self, net: Net, x: Tensor, y: Tensor) -> Tensor:
        return net.loss(net(x), y) + self.weight * net.rubbish_loss(net(torch.randn_like(x)))
