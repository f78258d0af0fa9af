"""What a reference network adds to a torch module, so that one training loop and one adapter serve them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adapters.structures.base import Structure


class Net(nn.Module):
    """A network from `(N, features)` to `(N, K)` logits. The softmax of them is the default reading.

    A subclass takes the numbers of `features` and `classes` and its recipe's own parameters, and draws its initial
    weights from torch's global generator, which the training loop seeds.
    """

    kind: ClassVar[str]
    """Its name in recipes and, in words, its family on leaderboards; part of the fingerprint, with `version`."""
    version: ClassVar[str] = "1"
    """Raised whenever the same weights would give other outputs."""
    confidence_kind: ClassVar[str] = "softmax"

    def prepare(self, x: Tensor, y: Tensor) -> None:
        """Look once at the training set, `(N, features)` and `(N,)`, before training, where initial weights need it."""

    def constrain(self) -> None:
        """Bring the weights back into their constraints; called after every step."""

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """`(N,)` the loss that the net is trained on."""
        return F.cross_entropy(logits, y, reduction="none")

    def rubbish_loss(self, logits: Tensor) -> Tensor:
        """`(N,)` the loss on inputs of no class: least where every class has the same small probability.

        For a softmax the cross-entropy with the uniform distribution. Its probabilities cannot all vanish, but at 1 / K
        none is above one half where K > 2.
        """
        return -logits.log_softmax(1).mean(1)

    def first_weights(self) -> Tensor:
        """The weights that multiply the input, for decay of the first layer. Raises TypeError where there are none."""
        raise TypeError(f"a {self.kind} has no first layer of weights")

    def hidden_layers(self) -> Sequence[nn.Module]:
        """The modules whose outputs, `(N, units)`, are the hidden layers, from the input on; TypeError without any."""
        raise TypeError(f"a {self.kind} has no hidden layers")

    def structure(self) -> Structure | None:
        """What decides its labels, where that is no sequence of layers; None where it is, and they can be read off."""
        return None

    def probabilities(self, logits: Tensor) -> Tensor:
        """`(N, K)` confidence in each class, of the kind `confidence_kind`."""
        return logits.softmax(1)


def limit_norm(weight: Tensor, limit: float | None, dim: int | tuple[int, ...] = -1) -> None:
    """Scale down, in place, the incoming weight vectors along `dim` whose L2 norm exceeds the limit, if any."""
    if limit is not None:
        with torch.no_grad():
            norms = torch.linalg.vector_norm(weight, dim=dim, keepdim=True)
            weight.mul_((limit / norms.clamp_min(1e-12)).clamp_max(1.0))
