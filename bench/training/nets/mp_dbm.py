"""Multi-prediction deep Boltzmann machines (Goodfellow et al., NIPS 2013; first as arXiv 1301.3568)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.training.nets.base import Net, limit_norm


class MPDBM(Net):
    """A Boltzmann machine of pixels `v`, two hidden layers `h1` and `h2`, and a class `y`.

    Each layer touches its neighbours only, through one weight matrix used in both directions: the energy is
    `-(h1' W1 v + h2' W2 h1 + y' W3 h2)` less the biases. The net is its mean-field inference, a fixed number of rounds,
    through which gradients flow. To classify, all pixels are given and the label is inferred; the training objective
    `multi-prediction` hides some of both. Pixels in [0, 1] stand for the probability that they are on.
    """

    kind: ClassVar[str] = "mp-dbm"

    def __init__(
        self,
        features: int,
        classes: int,
        *,
        units: Sequence[int],
        rounds: int,
        connections: Sequence[int],
        spread: float,
        hidden_bias: Sequence[float],
        max_norm: Sequence[float] | None = None,
        multi_inference: bool = False,
    ) -> None:
        """`units` of the two hidden layers, their initial biases, and how many `rounds` update every layer.

        So many `connections` of each unit of the first layer, and of each class, are drawn from N(0, 1), the others
        start at zero; weights between the hidden layers start uniform in [-spread, spread]. `max_norm`, if any, is the
        L2 norm that no row of `W1`, `W2` and `W3` exceeds, one each. With `multi_inference`, the trick of the paper
        that stands for the average over the inference problems of the training, pixels are classified half as given and
        half as inferred.
        """
        super().__init__()
        below, above = units
        self.v_h1_weight = nn.Parameter(_sparse(below, features, connections[0]))
        self.h1_h2_weight = nn.Parameter(torch.empty(above, below).uniform_(-spread, spread))
        self.h2_y_weight = nn.Parameter(_sparse(classes, above, connections[1]))
        self.v_bias = nn.Parameter(torch.zeros(features))
        self.h1_bias = nn.Parameter(torch.full((below,), float(hidden_bias[0])))
        self.h2_bias = nn.Parameter(torch.full((above,), float(hidden_bias[1])))
        self.y_bias = nn.Parameter(torch.zeros(classes))
        self.rounds, self.max_norm, self.multi_inference = rounds, max_norm, multi_inference

    def prepare(self, x: Tensor, y: Tensor) -> None:
        """Let each pixel's bias alone give its mean."""
        with torch.no_grad():
            self.v_bias.copy_(x.mean(0).clamp(1e-6, 1 - 1e-6).logit())

    def forward(self, x: Tensor) -> Tensor:
        nothing = x.new_zeros(len(x), len(self.y_bias))
        hidden_class = x.new_ones(len(x), 1)
        return self.infer(x, x.new_tensor(0.5) if self.multi_inference else None, nothing, hidden_class)[1]

    def infer(self, x: Tensor, hidden: Tensor | None, y: Tensor, hidden_class: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, features)` and `(N, K)` logits of pixels and class, by mean-field inference of what is hidden.

        Layers are updated in turns, every second one at once. `hidden`, which broadcasts to `x`, says how far each of
        the `(N, features)` pixels is inferred rather than given, from 0 to 1, None where all are given; `hidden_class`,
        `(N, 1)`, the same of the `(N, K)` one-hot labels.
        """
        v = x if hidden is None else torch.lerp(x, self.v_bias.sigmoid().expand_as(x), hidden)
        given_class = y
        y = torch.lerp(given_class, self.y_bias.softmax(0).expand_as(y), hidden_class)
        # At first h2 is unknown: what comes from below counts double in its place.
        up = F.linear(v, self.v_h1_weight)
        h1 = (2 * up + self.h1_bias).sigmoid()
        h2 = (F.linear(h1, self.h1_h2_weight, self.h2_bias) + y @ self.h2_y_weight).sigmoid()
        for _ in range(self.rounds):
            h1 = (up + h2 @ self.h1_h2_weight + self.h1_bias).sigmoid()
            y = torch.lerp(given_class, F.linear(h2, self.h2_y_weight, self.y_bias).softmax(1), hidden_class)
            if hidden is not None:
                v = torch.lerp(x, (h1 @ self.v_h1_weight + self.v_bias).sigmoid(), hidden)
                up = F.linear(v, self.v_h1_weight)
            h2 = (F.linear(h1, self.h1_h2_weight, self.h2_bias) + y @ self.h2_y_weight).sigmoid()
        return h1 @ self.v_h1_weight + self.v_bias, F.linear(h2, self.h2_y_weight, self.y_bias)

    def first_weights(self) -> Tensor:
        """`(units, features)`."""
        return self.v_h1_weight

    def constrain(self) -> None:
        if self.max_norm is not None:
            weights = (self.v_h1_weight, self.h1_h2_weight, self.h2_y_weight)
            for weight, limit in zip(weights, self.max_norm, strict=True):
                limit_norm(weight, limit)


def _sparse(units: int, inputs: int, connections: int) -> Tensor:
    """`(units, inputs)` weights, so many of each unit's drawn from N(0, 1) and the others zero."""
    chosen = torch.rand(units, inputs).argsort(1)[:, :connections]
    return torch.zeros(units, inputs).scatter(1, chosen, torch.randn(units, connections))
