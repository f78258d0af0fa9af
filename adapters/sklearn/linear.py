"""Linear classifiers: scores `x @ W.T + b`, the first largest wins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional as F

from adapters.base import Outputs
from adapters.sklearn.base import SklearnAdapter, gap, log_odds_against, refuse, sum_roundoff, topped, two_sided


class LinearAdapter(SklearnAdapter):
    """Any estimator that labels by `coef_` and `intercept_`, such as LinearSVC.

    A binary model has one score s, and class 1 wins where s > 0: that is the first argmax of (0, s). Labels are
    computed in float64 whatever the batch is, since the weights are small.
    """

    family = "linear"
    gradient = "exact"
    decision = "exact"

    def __init__(self, estimator: Any) -> None:
        """
        Raises:
            NotWrappable: sparse coefficients.
        """
        if sparse.issparse(estimator.coef_):
            raise refuse(estimator, "sparse coefficients", "call densify() on it first")
        weight = np.asarray(estimator.coef_, dtype=np.float64)
        bias = np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64), weight.shape[:1])
        if len(weight) == 1:
            weight, bias = np.vstack([np.zeros_like(weight), weight]), np.append(0.0, bias)
        super().__init__(estimator, weight=torch.tensor(weight), bias=torch.tensor(bias))
        self._precision = torch.as_tensor(estimator.coef_[:0]).dtype

    def _logits(self, x: Tensor) -> Tensor:
        return F.linear(x, self._constant("weight", x.dtype), self._constant("bias", x.dtype))

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The margin, whatever the estimator was fitted by: scores have no scale for a cross entropy to go by.

        LinearSVC, FGSM error at .1 on MNIST: margin 82.9%, cross entropy of the scores 70.6% (11.1% clean).
        """
        return self.loss(x, y, "margin")

    def soft_decision(self, x: Tensor) -> Tensor:
        scores = self._logits(x)
        return scores[:, 1:] if scores.shape[1] == 2 else scores

    def _estimated(self, x: Tensor) -> Outputs:
        scores = two_sided(self._own_decision(x))
        return Outputs(scores.argmax(1), scores, self._probabilities(scores))

    def _compiled(self, x: Tensor) -> Outputs:
        wide = x.double()
        scores = self._logits(wide)
        labels = scores.argmax(1)
        unsure = self._near_ties(x, scores)
        if len(unsure):
            labels[unsure] = self._own_labels(x[unsure])
        return Outputs(labels, topped(scores, labels), self._probabilities(scores))

    def _near_ties(self, x: Tensor, scores: Tensor) -> Tensor:
        """Rows whose two best scores are closer than rounding, the estimator's own included, can tell."""
        estimators = torch.promote_types(x.dtype, self._precision)
        size = x.double().abs() @ self._constant("weight").abs().T + self._constant("bias").abs()
        error = 2 * sum_roundoff(x.shape[1], estimators) * size.amax(1)
        return (~(gap(scores) > 2 * error)).nonzero()[:, 0]

    def _probabilities(self, scores: Tensor) -> Tensor | None:
        return None

    def _state(self) -> Iterable[object]:
        return type(self.estimator).__name__, self._constant("weight"), self._constant("bias"), str(self._precision)


class LogisticAdapter(LinearAdapter):
    """LogisticRegression: softmax of the scores, which in the binary case (0, s) is the sigmoid of s."""

    confidence_kind = "softmax"
    probability = "exact"

    def __init__(self, estimator: Any) -> None:
        """
        Raises:
            NotWrappable: sparse coefficients, or fitted one-vs-rest, which scikit-learn before 1.8 allowed.
        """
        if getattr(estimator, "multi_class", None) == "ovr" and len(estimator.classes_) > 2:
            raise refuse(estimator, "multi_class='ovr'", "fit it without, or use OneVsRestClassifier")
        super().__init__(estimator)

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """Cross entropy, as a softplus: its gradient lasts down to probabilities of error of 1e-38."""
        return F.softplus(log_odds_against(self._logits(x), y))

    def log_probabilities(self, x: Tensor) -> Tensor:
        return self._logits(x).log_softmax(1)

    def _probabilities(self, scores: Tensor) -> Tensor:
        return scores.softmax(1)
