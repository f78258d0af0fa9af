"""Parts that each answer the whole question: votes, bagging and AdaBoost."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from adapters.base import Outputs, worst
from adapters.compiled import SklearnAdapter, refuse
from adapters.rounding import margin_against, one_sided, topped
from adapters.sklearn.composite.parts import CompositeAdapter
from adapters.sklearn.composite.responses import (
    ABSENT,
    FAINT,
    checked_response,
    compiled_parts,
    log_mean,
    placed,
    relaxed_choice,
    worst_of_choices,
)
from adapters.sklearn.composite.single_trees import single_trees
from adapters.sklearn.tree import TreeAdapter
from adapters.structures.base import Structure
from adapters.threads import one_thread
from adapters.trees.opened import averaged, voted


class EnsembleAdapter(CompositeAdapter):
    """Parts that each answer the whole question: their votes are counted, or their probabilities averaged.

    Counted votes are relaxed to the mean of what the parts choose by: probabilities, or the softmax of logits. Logits
    are a stand-in, chosen for the strength of the attack (`docs/stand-ins.md`).
    """

    version = "2"
    because = "its parts' votes are counted, or their probabilities averaged"
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
        """Take the parts with their weights, none below zero and not all zero; which classes of the whole those of each
        part are; and what each part sees of an input, None for all of it.
        """
        super().__init__(estimator, parts)
        self.estimator.estimators_ = [part.estimator for part in parts]
        self._weights = [float(weight) for weight in weights]
        self._columns = [[int(index) for index in known] for known in columns]
        self._features = list(features or [None] * len(parts))
        self._steps = all(part.jumps for part in parts)

    def _polled(self, named: Iterable[tuple[object, Any]], soft: bool) -> None:
        """Say what the whole is that averages its parts' probabilities, if `soft`, or counts their votes."""
        self._soft = soft
        if soft:
            for (name, own), part in zip(named, self.parts, strict=True):
                checked_response(self.estimator, name, own, part, "predict_proba")
            kinds = {part.confidence_kind for part in self.parts}
            self.confidence_kind = (kinds.pop() if len(kinds) == 1 else None) or "mean probability"
            self.probability = worst(*(part.probability for part in self.parts))
            self.gradient = worst_of_choices(self.parts)
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

    def structure(self, shape: tuple[int, ...]) -> Structure:
        """Of single trees alone."""
        trees, count = single_trees(self.parts, self._features, shape), len(self.classes or ())
        if trees and self._soft is False:
            return voted(trees, self._weights, self._columns, count, 0.0)
        if trees and self._soft and all(isinstance(part, TreeAdapter) for part in self.parts):
            return averaged(trees, self._weights, self._columns, count)
        return super().structure(shape)  # the scores of other parts are no probabilities

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The weighted sum of the parts' own training losses, each of which is the strongest known against its part."""
        if all(len(known) < 2 for known in self._columns):
            return margin_against(self._logits(x), y)
        total = x.new_zeros(len(x))
        choices = zip(self.parts, self._weights, self._columns, self._seen(x), strict=True)
        for part, weight, columns, seen in choices:
            own = (y[:, None] == torch.tensor(columns, device=y.device)).long()
            if len(columns) > 1:  # and of a class that a part does not know it has no loss
                total = total + weight * own.amax(1) * part._training_loss(seen, own.argmax(1))
        return total

    def log_probabilities(self, x: Tensor) -> Tensor:
        return self._log_shares(x) if self.probability != "none" else super().log_probabilities(x)

    def _logits(self, x: Tensor) -> Tensor:
        """The weighted sum of the parts' normalised logits: where sure parts disagree, their mean share is flat.

        Of trees and neighbours, none of which is sure for long, the logarithm of the mean share is the stronger.
        """
        if self._steps:
            return self._log_shares(x)
        count, total = len(self.classes or ()), x.new_zeros(())
        for part, weight, columns, seen in zip(self.parts, self._weights, self._columns, self._seen(x), strict=True):
            total = total + weight * placed(part._logits(seen).log_softmax(1), columns, count, FAINT)
        return total

    def _state(self) -> Iterable[object]:
        yield from super()._state()
        yield from (self._weights, self._columns, [seen is not None for seen in self._features])
        yield [seen for seen in self._features if seen is not None]
        if self._soft is not None:
            yield self._soft


class VotingAdapter(EnsembleAdapter):
    """VotingClassifier: the first largest weighted mean of probabilities (soft), or weighted number of votes (hard)."""

    family = "voting"

    def __init__(self, estimator: Any) -> None:
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

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """The margin of the mean share: parts of other kinds have losses of other scales, which add up to less."""
        return super()._training_loss(x, y) if self._steps else margin_against(self._log_shares(x), y)

    def _compiled(self, x: Tensor) -> Outputs:
        if self._soft:
            return self._mean(x)
        votes = self._votes(x)
        return Outputs(votes.argmax(1), votes, None)


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

    def soft_decision(self, x: Tensor) -> Tensor:
        pairs = zip(self.parts, self._seen(x), strict=True)
        return torch.stack([part.soft_decision(seen) for part, seen in pairs]).mean(0)

    def decision_values(self, x: Tensor) -> Tensor:
        pairs = zip(self.parts, self._seen(x), strict=True)
        return torch.stack([part.decision_values(seen) for part, seen in pairs]).mean(0)


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

    def structure(self, shape: tuple[int, ...]) -> Structure:
        trees, count = single_trees(self.parts, self._features, shape), len(self.classes or ())
        if not trees:
            return super().structure(shape)
        whole = voted(trees, self._weights, self._columns, count, -1 / max(count - 1, 1))
        return dataclasses.replace(whole, divisor=self._total)

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
