"""Maxout networks (Goodfellow et al., Maxout Networks, arXiv 1302.4389)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.training.nets.base import Net
from bench.training.nets.max_norm import limit_norm


class MaxoutLayer(nn.Module):
    """Each unit is the largest of `pieces` affine functions of its input: `(N, inputs)` to `(N, units)`."""

    def __init__(self, inputs: int, units: int, pieces: int, spread: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(pieces, units, inputs).uniform_(-spread, spread))
        self.bias = nn.Parameter(torch.zeros(pieces, units))

    def forward(self, x: Tensor) -> Tensor:
        affine = F.linear(x, self.weight.flatten(0, 1), self.bias.flatten())
        return affine.view(-1, *self.bias.shape).amax(1)


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
        """
        Args:
            units: units of each hidden layer.
            pieces: affine functions in a unit.
            spread: initial weights are uniform in [-spread, spread]; initial biases are zero.
            input_dropout: share of inputs set to zero in training.
            hidden_dropout: share of each hidden layer set to zero in training.
            max_norm: L2 norm that no incoming weight vector exceeds, or None for no limit.
        """
        super().__init__()
        widths = [features, *units]
        self.hidden = nn.ModuleList(
            MaxoutLayer(inputs, outputs, pieces, spread) for inputs, outputs in pairwise(widths)
        )
        self.top = nn.Linear(widths[-1], classes)
        nn.init.uniform_(self.top.weight, -spread, spread)
        nn.init.zeros_(self.top.bias)
        self.input_dropout = input_dropout
        self.hidden_dropout = hidden_dropout
        self.max_norm = max_norm

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
        if self.max_norm is not None:
            for name, weights in self.named_parameters():
                if name.endswith("weight"):
                    limit_norm(weights, self.max_norm)
