"""Votes of several classifiers."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from adapters.base import Outputs
from adapters.compiled import refuse
from adapters.sklearn.composite.parts import EnsembleAdapter
from adapters.sklearn.composite.responses import compiled_parts


class VotingAdapter(EnsembleAdapter):
    """VotingClassifier: the first largest weighted mean of probabilities (soft), or weighted number of votes (hard)."""

    family = "voting"

    def __init__(self, estimator: Any) -> None:
        """
        Raises:
            NotWrappable: a part is not compiled, has no probabilities for a soft vote, or was fitted (frozen) on other
                labels; weights are negative, all zero, or not as many as parts.
        """
        named = [(name, part) for name, part in estimator.named_estimators_.items() if not isinstance(part, str)]
        weights = estimator._weights_not_none
        if weights is None:
            weights = [1] * len(named)
        elif len(weights) != len(named):
            raise refuse(estimator, "weights for other parts than were fitted", "fit it again")
        elif min(weights) < 0 or max(weights) == 0:
            raise refuse(estimator, "negative weights, or none above zero")
        parts, numbers = compiled_parts(estimator, named), tuple(range(len(estimator.classes_)))
        for part in parts:  # those that it fits itself are fitted on class numbers
            if not set(part.classes or ()) <= set(numbers):
                raise refuse(estimator, "a frozen part that was fitted on other labels than class numbers")
        super().__init__(estimator, parts, weights, [part.classes or () for part in parts])
        self._polled(named, estimator.voting == "soft")
        if self._soft and any(part.classes != numbers for part in parts):
            raise refuse(estimator, "a frozen part that knows other classes")

    def _compiled(self, x: Tensor) -> Outputs:
        if self._soft:
            return self._mean(x)
        votes = self._votes(x)
        return Outputs(votes.argmax(1), votes, None)

    def log_probabilities(self, x: Tensor) -> Tensor:
        return self._log_shares(x) if self._soft else super().log_probabilities(x)
