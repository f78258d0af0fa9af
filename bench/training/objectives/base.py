"""What a training objective is: the loss of each example of a batch, differentiable in the weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from bench.training.nets.base import Net
from bench.training.spec import Part


class Objective(Part, ABC):
    """A loss to train on, with its parameters, which stand in recipes.

    All randomness comes from torch's global generator, which the training loop seeds and keeps.
    """

    once: ClassVar[bool] = True
    """Whether it asks of the network nothing but outputs that are differentiated once, which compiled passes give."""

    @abstractmethod
    def __call__(self, net: Net, x: Tensor, y: Tensor) -> Tensor:
        """`(N,)` loss of each of `(N, features)` examples of the classes `(N,)`, by a network in training mode."""


class Plain(Objective):
    """The network's own loss on the examples as they are, J(x)."""

    def __call__(self, net: Net, x: Tensor, y: Tensor) -> Tensor:
        return net.loss(net(x), y)
