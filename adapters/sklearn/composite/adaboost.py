"""AdaBoost."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from adapters.base import Outputs
from adapters.rounding import one_sided, topped
from adapters.sklearn.composite.parts import EnsembleAdapter
from adapters.sklearn.composite.responses import compiled_parts, worst_of_choices


class AdaBoostAdapter(EnsembleAdapter):
    """AdaBoostClassifier (SAMME): a part of weight w gives w to the class that it chooses and -w / (K - 1) to others.

    The sums over the sum of weights are the decision function f; probabilities are the softmax of f / (K - 1), with
    (-f, f) / 2 for the one f of two classes. Labels are equal to the last bit, ties included.
    """

    family = "adaboost"
    confidence_kind = "softmax of votes"

    def __init__(self, estimator: Any) -> None:
        parts = compiled_parts(estimator, enumerate(estimator.estimators_))
        known = estimator.classes_.tolist()
        weights = estimator.estimator_weights_[: len(parts)]
        super().__init__(
            estimator, parts, weights, [[known.index(name) for name in part.classes or ()] for part in parts]
        )
        self._total = float(estimator.estimator_weights_.sum())
        self.gradient = self.decision = self.probability = worst_of_choices(parts)
        self.jumps = True

    def decision_values(self, x: Tensor) -> Tensor:
        count = len(self.classes or ())
        sums = x.new_zeros(len(x), count, dtype=torch.float64)
        everyone = torch.arange(count, device=x.device)
        for weight, chosen in self._chosen(x):
            own = torch.tensor(weight, dtype=torch.float64, device=x.device)
            sums += torch.where(chosen[:, None] == everyone, own, -1 / max(count - 1, 1) * own)
        return one_sided(sums / self._total)

    def soft_decision(self, x: Tensor) -> Tensor:
        count = len(self.classes or ())
        return one_sided((count * self._log_shares(x).exp() - 1) / max(count - 1, 1))

    def _compiled(self, x: Tensor) -> Outputs:
        decision = self.decision_values(x)
        scores = self._of_classes(decision)
        labels = scores.argmax(1)
        return Outputs(labels, topped(scores, labels), self._log_link(decision).exp())

    def log_probabilities(self, x: Tensor) -> Tensor:
        return self._log_link(self.soft_decision(x))

    def _log_link(self, decision: Tensor) -> Tensor:
        """`(N, K)` log-probabilities of decision values."""
        scores = self._of_classes(decision)
        return (scores / max(scores.shape[1] - 1, 1)).log_softmax(1)
