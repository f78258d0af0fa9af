"""A shallow network of radial basis functions: confident near what it knows, and nowhere else."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from adapters.rounding import sum_roundoff
from adapters.structures.gaussian_nb import GaussianNB
from bench.training.nets.base import Net


class RBFNetwork(Net):
    """One unit a class, `p_k(x) = exp(-d_k(x))` with `d_k(x) = sum_i beta_ki (x_i - mu_ki)^2` and `beta > 0`.

    The shallow RBF network of arXiv 1412.6572, section 7, whose printed exponent lacks the minus sign. Each unit gives
    the independent probability of its own class, not a share of one, so that all of them vanish far from the data: the
    reported confidence of 1.2% on mistakes is out of reach of a ten-way softmax. Trained with a binary cross-entropy a
    class. The logits are `log p_k = -d_k`, whose order is that of the probabilities even where those underflow.
    """

    kind: ClassVar[str] = "rbf-network"
    confidence_kind: ClassVar[str] = "sigmoid"

    def __init__(self, features: int, classes: int, *, initial_beta: float) -> None:
        """`initial_beta` is the inverse width of every unit along every input before training."""
        super().__init__()
        self.mu = nn.Parameter(torch.zeros(classes, features))
        self.log_beta = nn.Parameter(torch.full((classes, features), initial_beta).log())

    def prepare(self, x: Tensor, y: Tensor) -> None:
        """Put each unit on the mean of its class."""
        with torch.no_grad():
            for label in range(len(self.mu)):
                self.mu[label] = x[y == label].mean(0)

    def forward(self, x: Tensor) -> Tensor:
        # The differences themselves, (N, K, features), rather than the expanded square, which would cancel in float32.
        return -((x[:, None] - self.mu).square() * self.log_beta.exp()).sum(2)

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        """`(N,)` binary cross-entropy summed over the classes: `-log p_y - sum over k != y of log(1 - p_k)`.

        `-log p_y = d_y` is as it stands, so the gradient grows with the distance where that of `p` itself would vanish.
        """
        own = logits.gather(1, y[:, None])[:, 0]
        others = log1mexp(logits).scatter(1, y[:, None], 0.0)
        return -own - others.sum(1)

    def rubbish_loss(self, logits: Tensor) -> Tensor:
        """`(N,)` binary cross-entropy with all classes absent, summed over them."""
        return -log1mexp(logits).sum(1)

    def structure(self) -> GaussianNB:
        """A Gaussian a unit, of variance 1 / (2 beta), as naive Bayes has one a class; the logits are float32 sums."""
        inverse, mean = 2 * self.log_beta.detach().cpu().exp().double(), self.mu.detach().cpu().double()
        zero, features = torch.zeros(len(inverse), dtype=torch.float64), mean.shape[1]
        share = sum_roundoff(features, torch.float32) + sum_roundoff(features, torch.float64)
        return GaussianNB(tuple(range(len(inverse))), mean, inverse, zero, zero, share)

    def probabilities(self, logits: Tensor) -> Tensor:
        return logits.exp()


def log1mexp(a: Tensor) -> Tensor:
    """`log(1 - exp(a))` for `a <= 0`, accurate and with a finite gradient at both ends.

    Two forms, each where it keeps its digits (M. Maechler, Accurately Computing log(1 - exp(-|a|)), 2012). `a = 0`
    is taken for the largest negative number of the type that is not lost.
    """
    a = a.clamp_max(-torch.finfo(a.dtype).tiny)
    near = a > -0.6931471805599453
    # Each form sees only the arguments that it is for: the other's infinite gradient would become NaN in `where`.
    by_expm1 = torch.where(near, a, -1.0).expm1().neg().log()
    by_log1p = torch.where(near, -1.0, a).exp().neg().log1p()
    return torch.where(near, by_expm1, by_log1p)
