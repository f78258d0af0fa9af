"""Bagging: one kind of classifier fitted on samples of the examples and of the features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from adapters.base import Outputs, worst
from adapters.sklearn.composite.parts import EnsembleAdapter
from adapters.sklearn.composite.responses import compiled_parts


class BaggingAdapter(EnsembleAdapter):
    """BaggingClassifier: the first largest mean of its parts' probabilities, or share of votes where they have none.

    The estimator adds up its parts in groups, one a thread. Here all are in one, as with a single thread: with more,
    last bits, and with them exact ties, may be others.
    """

    family = "bagging"

    def __init__(self, estimator: Any) -> None:
        named = list(enumerate(estimator.estimators_))
        parts = compiled_parts(estimator, named)
        everything = torch.arange(estimator.n_features_in_)
        features = [torch.as_tensor(chosen) for chosen in estimator.estimators_features_]
        super().__init__(
            estimator,
            parts,
            [1] * len(parts),
            [part.classes or () for part in parts],
            [None if torch.equal(chosen, everything) else chosen for chosen in features],
        )
        self.estimator.n_jobs = 1
        self._hand_on("columns")  # which is what numpy makes of an array when features are picked
        self._polled(named, hasattr(estimator.estimators_[0], "predict_proba"))
        if not self._soft:
            self.probability, self.confidence_kind = self.gradient, "votes"
        if all(len(part.classes or ()) == len(self.classes or ()) for part in parts):
            self.decision = worst(*(part.decision for part in parts))

    def _compiled(self, x: Tensor) -> Outputs:
        if self._soft:
            return self._mean(x)
        votes = self._votes(x)
        return Outputs(votes.argmax(1), votes, votes / len(self.parts))

    def log_probabilities(self, x: Tensor) -> Tensor:
        return self._log_shares(x)

    def soft_decision(self, x: Tensor) -> Tensor:
        decisions = [part.soft_decision(seen) for part, seen in zip(self.parts, self._seen(x), strict=True)]
        return torch.stack(decisions).mean(0)

    def decision_values(self, x: Tensor) -> Tensor:
        decisions = [part.decision_values(seen) for part, seen in zip(self.parts, self._seen(x), strict=True)]
        return torch.stack(decisions).mean(0)
