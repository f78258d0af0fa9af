"""What all estimators made of others share.

The adapter of such an estimator holds the adapters of its parts and combines what they say by scikit-learn's rule, on
any device. A part's labels are the estimator's own, but its decision values and probabilities only nearly: where the
combined scores are closer than that can tell, the estimator itself decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from adapters.base import Outputs, worst
from adapters.compiled import Container, SklearnAdapter, settled
from adapters.rounding import topped, two_sided, undecided
from adapters.sklearn.composite.responses import (
    ABSENT,
    checked_response,
    log_mean,
    placed,
    relaxed_choice,
    worst_of_choices,
)
from adapters.threads import one_thread

ROUNDING = 1e-12
"""Bound on what float64 loses of probabilities, votes and their like in the few operations that combine them."""


class CompositeAdapter(SklearnAdapter):
    """An estimator made of others. A subclass sets `gradient` and its like from those of its parts.

    Every subclass raises `NotWrappable` for an estimator with a part that is not compiled.
    """

    attacked_by = "margin"
    _container: Container = "array"

    def __init__(self, estimator: Any, parts: Sequence[SklearnAdapter], **constants: Tensor) -> None:
        """
        Args:
            estimator: fitted classifier with one output.
            parts: adapters of the estimators that it is made of.
            constants: the compiled tensors, by name.
        """
        super().__init__(estimator, **constants)
        self.parts = tuple(parts)
        self.takes_missing = self.takes_missing or all(part.takes_missing for part in parts)
        self.jumps = any(part.jumps for part in parts)
        if any(part.container == "table" for part in parts):
            self.container = "table"

    @property
    def container(self) -> Container:
        """What the estimator is asked with, and its parts with it where that is an array or a matrix."""
        return self._container

    @container.setter
    def container(self, kind: Container) -> None:
        self._container = kind
        if kind in ("columns", "sparse"):
            self._hand_on(kind)

    def _hand_on(self, kind: Container) -> None:
        """Have the parts asked with such a matrix."""
        for part in self.parts:
            part.container = kind

    def _of_classes(self, decision: Tensor) -> Tensor:
        """`(N, K)` scores from decision values, whose `(N, 1)` of class 1 over class 0 may be of the only class."""
        return two_sided(decision)[:, : len(self.classes or ())]

    @one_thread()
    def _labels(self, x: Tensor, scores: Tensor, error: Tensor) -> Tensor:
        """`(N,)` first argmax of the `(N, K)` scores, the estimator's own label where their `error` leaves it open."""
        labels = scores.argmax(1)
        unsure = undecided(scores, error) if bool((error > 0).any()) else labels[:0]
        return settled(labels, x, unsure, self._own_labels)

    def _state(self) -> Iterable[object]:
        yield [part.fingerprint for part in self.parts]


class EnsembleAdapter(CompositeAdapter):
    """Parts that each answer the whole question: their votes are counted, or their probabilities averaged.

    Counted votes are relaxed to the mean of what the parts choose by: probabilities, or the softmax of logits.
    """

    _soft: bool | None = None
    """Whether probabilities are averaged, not votes counted; None where it is a rule of its own."""

    def __init__(
        self,
        estimator: Any,
        parts: Sequence[SklearnAdapter],
        weights: Sequence[float],
        columns: Sequence[Sequence[int]],
        features: Sequence[Tensor | None] | None = None,
    ) -> None:
        """
        Args:
            estimator: fitted classifier with a list `estimators_`.
            parts: adapters of its parts.
            weights: of the parts, none below zero, not all zero.
            columns: which classes of the whole those of each part are.
            features: what each part sees of an input, None for all of it.
        """
        super().__init__(estimator, parts)
        self.estimator.estimators_ = [part.estimator for part in parts]
        self._weights = [float(weight) for weight in weights]
        self._columns = [[int(index) for index in known] for known in columns]
        self._features = list(features or [None] * len(parts))

    def _polled(self, named: Iterable[tuple[object, Any]], soft: bool) -> None:
        """Say what the whole is that averages its parts' probabilities, if `soft`, or counts their votes.

        Raises:
            NotWrappable: a part that is to be averaged has no probabilities.
        """
        self._soft = soft
        if soft:
            for (name, own), part in zip(named, self.parts, strict=True):
                checked_response(self.estimator, name, own, part, "predict_proba")
            kinds = {part.confidence_kind for part in self.parts}
            self.confidence_kind = (kinds.pop() if len(kinds) == 1 else None) or "mean probability"
            self.gradient = self.probability = worst(*(part.probability for part in self.parts))
        else:
            self.gradient, self.jumps = worst_of_choices(self.parts), True

    def _seen(self, x: Tensor) -> Iterator[Tensor]:
        """What each part sees of the inputs, one after the other: together they may be many times the batch."""
        return (x if seen is None else x.index_select(1, seen) for seen in self._features)

    def _mean(self, x: Tensor) -> Outputs:
        """The first largest weighted mean of the parts' probabilities, added in the estimator's order."""
        total = x.new_zeros(len(x), len(self.classes or ()), dtype=torch.float64)
        for part, weight, columns, seen in zip(self.parts, self._weights, self._columns, self._seen(x), strict=True):
            probabilities = part.outputs(seen).probabilities
            assert probabilities is not None
            with one_thread():
                total += weight * placed(probabilities, columns, total.shape[1], 0.0)
        agreement = max(part.agreement for part in self.parts)
        with one_thread():
            mean = total / sum(self._weights)
            labels = self._labels(x, mean, torch.full_like(mean, agreement))
            return Outputs(labels, topped(mean, labels), mean)

    def _chosen(self, x: Tensor) -> Iterator[tuple[float, Tensor]]:
        """Weight of each part, and which `(N,)` classes of the whole it chooses."""
        for part, weight, columns, seen in zip(self.parts, self._weights, self._columns, self._seen(x), strict=True):
            yield weight, torch.tensor(columns, device=x.device)[part.outputs(seen).labels]

    def _votes(self, x: Tensor) -> Tensor:
        """`(N, K)` weighted votes, by the estimator's additions in the estimator's order, so that ties are its own."""
        votes = x.new_zeros(len(x), len(self.classes or ()), dtype=torch.float64)
        for weight, chosen in self._chosen(x):
            votes.scatter_add_(1, chosen[:, None], torch.full_like(votes[:, :1], weight))
        return votes

    def _log_shares(self, x: Tensor) -> Tensor:
        """`(N, K)` differentiable logarithm of the weighted mean of the parts' probabilities, or of relaxed choices."""
        count = len(self.classes or ())
        choices = zip(self.parts, self._columns, self._seen(x), strict=True)
        logs = [placed(relaxed_choice(part, seen), columns, count, ABSENT) for part, columns, seen in choices]
        return log_mean(logs, self._weights)

    def _logits(self, x: Tensor) -> Tensor:
        return self._log_shares(x)

    def _state(self) -> Iterable[object]:
        yield from super()._state()
        yield from (self._weights, self._columns, [seen is not None for seen in self._features])
        yield [seen for seen in self._features if seen is not None]
        if self._soft is not None:
            yield self._soft
