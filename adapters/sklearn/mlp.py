"""Multi-layer perceptrons."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from sklearn.neural_network._base import ACTIVATIONS
from torch import Tensor
from torch.nn import functional as F

from adapters.base import Outputs
from adapters.compiled import SklearnAdapter, as_array, refuse, settled
from adapters.errors import Unsupported
from adapters.rounding import gap, softmax, sum_roundoff, topped, two_sided
from adapters.structures.base import Structure
from adapters.structures.layers import Affine, Layer, Rectify, Select
from adapters.structures.network import Network
from adapters.threads import one_thread

STEEPEST = {"identity": 1.0, "relu": 1.0, "tanh": 1.0, "logistic": 0.25}
"""Hidden activation -> its largest slope."""


class MLPAdapter(SklearnAdapter):
    """MLPClassifier: the first largest softmax output, or of two classes class 1 where its sigmoid is above 1/2.

    The estimator computes in the wider precision of the batch and of its weights, which are of the type that it was
    fitted on. On the CPU its own code is run, and the sums of the last layer are the scores. Elsewhere the layers are
    compiled to float64, and rows that the estimator's rounding might rank in another order are its own to decide.
    """

    family = "mlp"
    version = "2"
    gradient = "exact"
    probability = "exact"
    confidence_kind = "softmax"

    def __init__(self, estimator: Any) -> None:
        if estimator.n_outputs_ > 1 and estimator.out_activation_ != "softmax":
            raise refuse(estimator, "several labels for one input", "fit one estimator for each")
        layers = {f"weight{at}": torch.tensor(weight.T) for at, weight in enumerate(estimator.coefs_)}
        layers |= {f"bias{at}": torch.tensor(bias) for at, bias in enumerate(estimator.intercepts_)}
        super().__init__(estimator, **layers)
        # `partial_fit` goes on in the same arrays.
        self.estimator.coefs_ = [weight.copy() for weight in estimator.coefs_]
        self.estimator.intercepts_ = [bias.copy() for bias in estimator.intercepts_]
        self._headless = copy.copy(self.estimator)
        self._headless.out_activation_ = "identity"
        self._depth = len(estimator.coefs_)
        self._activation = str(estimator.activation)
        self._precision = layers["weight0"].dtype

    def _logits(self, x: Tensor) -> Tensor:
        return self._known(self._outer(x))

    def _known(self, outer: Tensor) -> Tensor:
        """The columns of known classes: an estimator that met one class has an output for another."""
        return outer[:, : len(self.classes or ())]

    def _outer(self, x: Tensor) -> Tensor:
        """`(N, K)` sums of the last layer; where that has one unit, (0, its sum)."""
        for at in range(self._depth - 1):
            x = self._activated(self._affine(x, at))
        return two_sided(self._affine(x, self._depth - 1))

    def log_probabilities(self, x: Tensor) -> Tensor:
        return self._known(self._outer(x).log_softmax(1))

    def _estimated(self, x: Tensor) -> Outputs:
        with one_thread():
            sums = self._headless._forward_pass_fast(as_array(x), check_input=False)
            logits = self._known(two_sided(torch.from_numpy(sums).double()))
            ACTIVATIONS[self.estimator.out_activation_](sums)
            if sums.shape[1] == 1:
                sums = np.hstack([1 - sums, sums])
            probabilities = self._known(torch.from_numpy(sums).double())
            labels = probabilities.argmax(1)
            return Outputs(labels, topped(logits, labels), probabilities)

    def _compiled(self, x: Tensor) -> Outputs:
        own = torch.promote_types(x.dtype, self._precision)
        sums, error = self._bounded(x.double(), own)
        logits = two_sided(sums)
        probabilities, logits = self._known(softmax(logits)), self._known(logits)
        unsure = ~(gap(logits) > 2 * error + 16 * torch.finfo(own).eps)
        labels = settled(logits.argmax(1), x, unsure, self._own_labels)
        return Outputs(labels, topped(logits, labels), probabilities)

    def _bounded(self, x: Tensor, own: torch.dtype) -> tuple[Tensor, Tensor]:
        """`(N, M)` float64 sums of the last layer, and an `(N,)` bound on how far the estimator's may be from them.

        A layer's own sums are off by at most gamma_n (|W| |a| + |b|), see `sum_roundoff`. What came before reaches it
        through W, and with it through an activation that nowhere is steeper than `STEEPEST`: the euclidean length of
        all errors grows by no more than the spectral norm of W.
        """
        off = x.new_zeros(len(x), 1)
        for at in range(self._depth):
            weight, bias = (self._constant(f"{kind}{at}", x.dtype) for kind in ("weight", "bias"))
            share = 2 * sum_roundoff(weight.shape[1], own)
            fresh = share * F.linear(x.abs(), weight.abs(), bias.abs())
            x = F.linear(x, weight, bias)
            if at < self._depth - 1:
                x = self._activated(x)
                spectral, frobenius = self._norms[at]
                off = (spectral + share * frobenius) * off + fresh.norm(dim=1, keepdim=True)
                off = STEEPEST[self._activation] * off + 8 * torch.finfo(own).eps * math.sqrt(x.shape[1])
        return x, (fresh + (1 + share) * weight.norm(dim=1) * off).amax(1)

    @cached_property
    def _norms(self) -> list[tuple[float, float]]:
        """Spectral and Frobenius norm of the weights of every layer that errors go through into another layer."""
        weights = [self._constant(f"weight{at}", torch.float64) for at in range(1, self._depth - 1)]
        norms = [(float(torch.linalg.matrix_norm(weight, 2)), float(weight.norm())) for weight in weights]
        return [(0.0, 0.0), *norms]  # the input has no error

    def _affine(self, x: Tensor, at: int) -> Tensor:
        return F.linear(x, self._constant(f"weight{at}", x.dtype), self._constant(f"bias{at}", x.dtype))

    def _activated(self, x: Tensor) -> Tensor:
        """Hidden activation, whose slope lasts where the usual forms round it to 0.

        Where a whole layer is so saturated that its slopes might leave the numbers of `x`, it is taken for less so: the
        values are the same to rounding, and the gradient is not zero.
        """
        if self._activation == "identity":
            return x
        if self._activation == "relu":
            return x.relu()
        steep = 2 if self._activation == "tanh" else 1
        limit = x.new_tensor(1 - math.log(torch.finfo(x.dtype).eps))
        x = steep * x
        x = x * (limit / torch.maximum(x.detach().abs().amin(1, keepdim=True), limit))
        share = torch.where(x > 0, 1 - (-x).sigmoid(), x.sigmoid())
        return 2 * share - 1 if self._activation == "tanh" else share

    def structure(self, shape: tuple[int, ...]) -> Structure:
        """Of the precision that the estimator computes in of float32 inputs."""
        if self._activation not in ("relu", "identity"):
            raise Unsupported(f"nothing is known to be proved of networks with {self._activation}")
        layers: list[Layer] = []
        for at in range(self._depth):
            weight, bias = (self._constant(f"{name}{at}", torch.float64).cpu() for name in ("weight", "bias"))
            layers.append(Affine(weight, bias))
            if at < self._depth - 1 and self._activation == "relu":
                layers.append(Rectify(0.0, len(bias)))
        last, end = layers[-1], "softmax"
        assert isinstance(last, Affine)
        if last.outputs == 1:
            zeros = torch.zeros_like(last.weight), torch.zeros_like(last.bias)
            layers[-1] = Affine(torch.cat([zeros[0], last.weight]), torch.cat([zeros[1], last.bias]))
            end = "sigmoid-of-one"
        count = len(self.classes or ())
        if count < layers[-1].outputs:
            layers.append(Select(torch.arange(count), layers[-1].outputs))
        unit = torch.finfo(torch.promote_types(torch.float32, self._precision)).eps / 2
        return Network(tuple(range(count)), tuple(layers), end, unit)

    def _state(self) -> Iterable[object]:
        yield self._activation
        yield from self._constants.values()
