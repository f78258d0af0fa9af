"""Maxout networks (Goodfellow et al., Maxout Networks, arXiv 1302.4389)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.training.nets.base import Net, limit_norm


class MaxoutLayer(nn.Module):
    """Each unit is the largest of `pieces` affine functions of its input: `(N, inputs)` to `(N, units)`."""

    def __init__(self, inputs: int, units: int, pieces: int, spread: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(pieces, units, inputs).uniform_(-spread, spread))
        self.bias = nn.Parameter(torch.zeros(pieces, units))

    def forward(self, x: Tensor) -> Tensor:
        affine = F.linear(x, self.weight.flatten(0, 1), self.bias.flatten())
        return affine.view(-1, *self.bias.shape).amax(1)


def top_layer(inputs: int, classes: int, spread: float) -> nn.Linear:
    """The affine map to the logits, its weights uniform in [-spread, spread], its biases zero."""
    top = nn.Linear(inputs, classes)
    nn.init.uniform_(top.weight, -spread, spread)
    nn.init.zeros_(top.bias)
    return top


class Maxout(Net):
    """Maxout layers with dropout and a softmax on top, every unit's incoming weights held inside a ball.

    The permutation-invariant MNIST net of arXiv 1302.4389, section 5.1, with the two layers of 240 units and 5 pieces
    of its published configuration: dropout of the input and of each hidden layer, and for each piece of each unit, as
    for each class, an incoming weight vector of L2 norm at most `max_norm`.
    """

    kind: ClassVar[str] = "maxout"

    def __init__(
        self,
        features: int,
        classes: int,
        *,
        units: Sequence[int],
        pieces: int,
        spread: float,
        input_dropout: float = 0.0,
        hidden_dropout: float = 0.0,
        max_norm: float | None = None,
    ) -> None:
        """`units` of each hidden layer, of `pieces` affine functions; weights start uniform in [-spread, spread].

        Biases start at zero; the dropouts are shares set to zero in training; without `max_norm` there is no limit.
        """
        super().__init__()
        widths = [features, *units]
        self.hidden = nn.ModuleList(
            MaxoutLayer(inputs, outputs, pieces, spread) for inputs, outputs in pairwise(widths)
        )
        self.top = top_layer(widths[-1], classes, spread)
        self.input_dropout, self.hidden_dropout, self.max_norm = input_dropout, hidden_dropout, max_norm

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(x, self.input_dropout, self.training)
        for layer in self.hidden:
            x = F.dropout(layer(x), self.hidden_dropout, self.training)
        logits: Tensor = self.top(x)
        return logits

    def first_weights(self) -> Tensor:
        """`(pieces, units, features)`."""
        return self.get_parameter("hidden.0.weight")

    def hidden_layers(self) -> Sequence[nn.Module]:
        return list(self.hidden)

    def constrain(self) -> None:
        for name, weights in self.named_parameters():
            if name.endswith("weight"):
                limit_norm(weights, self.max_norm)


class MaxoutSigmoid(Maxout):
    """Maxout with an independent sigmoid a class on top: all of them may say no (arXiv 1412.6572, appendix A)."""

    kind: ClassVar[str] = "maxout-sigmoid"
    confidence_kind: ClassVar[str] = "sigmoid"

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """`(N,)` binary cross-entropy summed over the classes."""
        own = F.one_hot(y, logits.shape[1]).to(logits.dtype)
        return F.binary_cross_entropy_with_logits(logits, own, reduction="none").sum(1)

    def rubbish_loss(self, logits: Tensor) -> Tensor:
        """`(N,)` binary cross-entropy with all classes absent, summed over them."""
        return F.softplus(logits).sum(1)

    def probabilities(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()
