"""Linear classifiers: scores `x @ W.T + b`, the first largest wins."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn import config_context
from torch import Tensor
from torch.nn import functional as F

from adapters.base import GradientKind, Outputs
from adapters.compiled import AGREEMENT, AttackLoss, SklearnAdapter, refuse, refuse_if, settled
from adapters.precision import ROUGH
from adapters.rounding import softmax, sum_roundoff, topped, two_sided, undecided
from adapters.structures.base import Structure
from adapters.structures.linear import Linear
from adapters.threads import one_thread

NEVER = 1e30
"""What infinite scores are cut to: a class of prior zero has a score of minus infinity, of which no gradient comes."""


def finite(scores: Tensor) -> Tensor:
    """Scores with the infinite ones cut to `NEVER`, the others as they are."""
    return scores.nan_to_num(torch.nan, NEVER, -NEVER)


class LinearAdapter(SklearnAdapter):
    """Any estimator that labels by `coef_` and `intercept_`, such as LinearSVC.

    A binary model has one score s, and class 1 wins where s > 0: that is the first argmax of (0, s). Compiled
    scores are float64 whatever the batch is, since the weights are small. Where the estimator computes in float32, the
    probabilities compiled for other devices agree to as many digits as that has.
    """

    family = "linear"
    attacked_by: AttackLoss = "margin"
    gradient: GradientKind = "exact"
    decision: GradientKind = "exact"

    def __init__(self, estimator: Any) -> None:
        weight, bias = self._weights(estimator)
        super().__init__(
            estimator,
            weight=torch.tensor(weight, dtype=torch.float64),
            bias=finite(torch.tensor(bias, dtype=torch.float64)),
        )
        self._precision = torch.as_tensor(weight[:0]).dtype

    def _weights(self, estimator: Any) -> tuple[np.ndarray, np.ndarray]:
        """`(K, D)` weights, in the precision that the estimator multiplies by, and `(K,)` biases."""
        refuse_if(sparse.issparse(estimator.coef_), estimator, "sparse coefficients", "call densify() on it first")
        weight = np.atleast_2d(estimator.coef_)
        if len(weight) != (len(estimator.classes_) if len(estimator.classes_) > 2 else 1):
            raise refuse(estimator, "sample weights that leave out a class", "fit it without that class")
        bias = np.broadcast_to(estimator.intercept_, weight.shape[:1])
        if len(estimator.classes_) == 2:
            weight, bias = np.vstack([np.zeros_like(weight), weight]), np.append(0.0, bias)
        return weight, bias

    def _logits(self, x: Tensor) -> Tensor:
        return F.linear(x, self._constant("weight", x.dtype), self._constant("bias", x.dtype))

    def _rough(self, x: Tensor) -> Tensor:
        """Where the scores tell the rivals, or for log-odds the shares, no better than to `ROUGH`."""
        scores, weight = LinearAdapter._logits(self, x), self._constant("weight", x.dtype)
        off = torch.finfo(x.dtype).eps * x.norm(dim=1) * weight.norm(dim=1).amax()
        told = scores.amax(1) - scores.amin(1)
        fine: Tensor = off <= ROUGH * (told if self.attacked_by == "margin" else told.clamp_max(1))
        return ~fine

    def soft_decision(self, x: Tensor) -> Tensor:
        scores = self._logits(x)
        return scores[:, 1:] if scores.shape[1] == 2 else scores

    def decision_values(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu":  # without a copy of the batch in float64
            with one_thread():
                return finite(self._own_decision(x))
        return super().decision_values(x)

    def bounded_decision(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.device.type == "cpu":  # they are its own
            values = self.decision_values(x)
            return values, torch.zeros_like(values)
        scores, error = self._bounded(x)
        return (scores[:, 1:], error[:, 1:]) if scores.shape[1] == 2 else (scores, error)

    def _own_decision(self, x: Tensor) -> Tensor:
        """As the base's, without the estimator's search of the batch for what is not finite: it would show here."""
        with config_context(assume_finite=True):
            values = super()._own_decision(x)
        return values if bool(values.sum().isfinite()) else super()._own_decision(x)

    def _estimated(self, x: Tensor) -> Outputs:
        with one_thread():
            scores = finite(self._own_scores(x))
            return Outputs(scores.argmax(1), scores, self._probabilities(x, scores))

    def _own_scores(self, x: Tensor) -> Tensor:
        """`(N, K)` float64 scores by the estimator's own code."""
        values = self._own_decision(x)
        return two_sided(values) if len(self._constant("bias")) == 2 else values

    def _compiled(self, x: Tensor) -> Outputs:
        scores, error = self._bounded(x)
        labels = settled(scores.argmax(1), x, undecided(scores - error, scores + error), self._own_labels)
        probabilities = self._probabilities(x, scores)
        if probabilities is not None and torch.promote_types(x.dtype, self._precision) == torch.float64:
            # Weights as large as a feature that hardly varies gets them leave the probabilities open too.
            settled(probabilities, x, error.amax(1) > AGREEMENT / 2, self._own_probabilities)
        return Outputs(labels, topped(scores, labels), probabilities)

    def _bounded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, K)` float64 scores, and how far rounding can keep them and the estimator's own from each other."""
        wide, estimators = x.double(), torch.promote_types(x.dtype, self._precision)
        weight, bias = self._constant("weight"), self._constant("bias")
        size = F.linear(wide.abs(), weight.abs(), bias.abs())
        return F.linear(wide, weight, bias), 2 * sum_roundoff(x.shape[1], estimators) * size

    def _probabilities(self, x: Tensor, scores: Tensor) -> Tensor | None:
        return None

    def structure(self, shape: tuple[int, ...]) -> Structure:
        """Without the classes of prior zero, which are never given."""
        bias = self._constant("bias")
        given = (bias > -NEVER).nonzero()[:, 0]
        weight = self._constant("weight")[given].cpu()
        return Linear.computed(given.tolist(), weight, bias[given].cpu(), self._precision)

    def _state(self) -> Iterable[object]:
        return type(self.estimator).__name__, self._constant("weight"), self._constant("bias"), str(self._precision)


class RidgeAdapter(LinearAdapter):
    """RidgeClassifier and RidgeClassifierCV: regression onto -1 and 1."""

    def __init__(self, estimator: Any) -> None:
        if estimator._label_binarizer.y_type_.startswith("multilabel"):
            raise refuse(estimator, "several labels for each input", "fit one estimator for each")
        super().__init__(estimator)


class LogisticAdapter(LinearAdapter):
    """LogisticRegression(CV): softmax of the scores, which in the binary case (0, s) is the sigmoid of s."""

    confidence_kind = "softmax"
    attacked_by: AttackLoss = "log-odds"
    probability: GradientKind = "exact"

    def _probabilities(self, x: Tensor, scores: Tensor) -> Tensor:
        return softmax(scores)


class SGDAdapter(LinearAdapter):
    """SGDClassifier, with the probabilities that two of its losses have.

    They are one-vs-rest, normalised over the classes, or even where all are zero. `log_loss` takes the sigmoid of each
    score, `modified_huber` (clip(s, -1, 1) + 1) / 2. That one is flat beyond -1 and 1, so its stand-in is the sigmoid
    of 2 s, which touches it at 0.
    """

    def __init__(self, estimator: Any) -> None:
        super().__init__(estimator)
        self._sigmoid = estimator.loss == "log_loss"
        if self._sigmoid:
            self.confidence_kind, self.probability = "sigmoid", "exact"
        elif estimator.loss == "modified_huber":
            self.confidence_kind, self.probability = "clipped score", "surrogate"

    def log_probabilities(self, x: Tensor) -> Tensor:
        if self.probability == "none":
            return super().log_probabilities(x)
        scores = self._logits(x) if self._sigmoid else 2 * self._logits(x)
        return (scores if scores.shape[1] == 2 else F.logsigmoid(scores)).log_softmax(1)

    def _probabilities(self, x: Tensor, scores: Tensor) -> Tensor | None:
        if self.probability == "none":
            return None
        shares = scores.sigmoid() if self._sigmoid else (scores.clamp(-1, 1) + 1) / 2
        if scores.shape[1] == 2:
            return torch.stack([1 - shares[:, 1], shares[:, 1]], dim=1)
        total, best = shares.sum(1, keepdim=True), scores.amax(1)
        probabilities = torch.where(total > 0, shares / total, 1 / scores.shape[1])
        return settled(probabilities, x, self._faint(x, best), self._own_probabilities)

    def _faint(self, x: Tensor, best: Tensor) -> Tensor:
        """Rows of such a largest score that rounding decides whether all shares are zero."""
        if not self._sigmoid:
            return (best + 1).abs() < 1e-3
        return best < math.log(torch.finfo(torch.promote_types(x.dtype, self._precision)).tiny)

    def _state(self) -> Iterable[object]:
        yield from super()._state()
        yield self.estimator.loss
