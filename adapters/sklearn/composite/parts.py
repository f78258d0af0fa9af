"""What all estimators made of others share.

The adapter of such an estimator holds the adapters of its parts and combines what they say by scikit-learn's rule, on
any device. A part's labels are the estimator's own, but its decision values and probabilities only nearly: where the
combined scores are closer than that can tell, the estimator itself decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.base import GradientKind, Outputs
from adapters.compiled import Container, SklearnAdapter, settled
from adapters.errors import NotWrappable
from adapters.rounding import topped, undecided
from adapters.sklearn.table import REMEDY, compile_part
from adapters.threads import one_thread

ABSENT = -1e4
"""Log-probability of a class that a part does not know: finite, so that gradients stay so."""

ROUNDING = 1e-12
"""Bound on what float64 loses of probabilities, votes and their like in the few operations that combine them."""

_SURE = 18.0
"""Log-odds from which on probabilities, within 2e-7 of 0 or 1, change more slowly towards them than they are."""


class CompositeAdapter(SklearnAdapter):
    """An estimator made of others. A subclass sets `gradient` and its like from those of its parts."""

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

    def _votes(self, x: Tensor) -> Tensor:
        """`(N, K)` weighted votes, by the estimator's additions in the estimator's order, so that ties are its own."""
        votes = x.new_zeros(len(x), len(self.classes or ()), dtype=torch.float64)
        for part, weight, columns, seen in zip(self.parts, self._weights, self._columns, self._seen(x), strict=True):
            chosen = torch.tensor(columns, device=x.device)[part.outputs(seen).labels]
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


class Response:
    """What one method of a part says, as the whole takes it in: as it is, and differentiably."""

    def __init__(self, part: SklearnAdapter, method: str, columns: slice = slice(None)) -> None:
        """
        Args:
            part: adapter of the part.
            method: `decision_function`, `predict_proba` or `predict`.
            columns: which of the part's columns the whole takes.
        """
        self.part, self.method, self.columns = part, method, columns
        self.kind: GradientKind = {"decision_function": part.decision, "predict_proba": part.probability}.get(
            method, worst_of_choices([part])
        )

    def values(self, x: Tensor) -> Tensor:
        """`(N, C)` float64 values of the method, to the part's `agreement`; labels are their numbers."""
        if self.method == "decision_function":
            return self.part.decision_values(x)
        outputs = self.part.outputs(x)
        if self.method == "predict":
            return self._numbers(x)[outputs.labels][:, None]
        assert outputs.probabilities is not None
        return outputs.probabilities.double()[:, self.columns]

    def error(self, values: Tensor) -> Tensor:
        """`(N, C)` bound on how far `values` are from the part's own."""
        return (0.0 if self.method == "predict" else self.part.agreement) * (1 + values.abs())

    def soft(self, x: Tensor) -> Tensor:
        """`(N, C)` differentiable values; of labels, their mean by the relaxed choice."""
        if self.method == "decision_function":
            return self.part.soft_decision(x)
        if self.method == "predict":
            return relaxed_choice(self.part, x).exp() @ self._numbers(x)[:, None].to(x.dtype)
        return probabilities_with_tails(self.part.log_probabilities(x))[:, self.columns]

    def _numbers(self, x: Tensor) -> Tensor:
        """`(k,)` the part's classes, which are numbers."""
        return torch.tensor(self.part.classes, dtype=torch.float64, device=x.device)


def compiled_parts(whole: Any, parts: Iterable[tuple[object, Any]]) -> list[SklearnAdapter]:
    """The adapters of the named parts of an estimator.

    Raises:
        NotWrappable: a part cannot be compiled.
    """
    adapters = []
    for name, part in parts:
        try:
            adapters.append(compile_part(part))
        except NotWrappable as error:
            raise NotWrappable(f"{_named(whole, name, part)}: {error}") from None
    return adapters


def checked_response(
    whole: Any, name: object, part: Any, adapter: SklearnAdapter, method: str, columns: slice = slice(None)
) -> Response:
    """What a method of the part says.

    Raises:
        NotWrappable: the part lacks the method, or it is not compiled.
    """
    response = Response(adapter, method, columns)
    if response.kind == "none" and method != "predict":
        reason = "is not compiled" if hasattr(part, method) else "does not exist, so that the whole cannot predict"
        raise NotWrappable(f"{_named(whole, name, part)}: its {method} {reason}; {REMEDY}")
    return response


def _named(whole: Any, name: object, part: Any) -> str:
    return f"{type(whole).__name__} with part {name!r} ({type(part).__name__})"


def preferred_method(part: Any) -> str:
    """The method by which scikit-learn asks a part for scores: `decision_function`, else `predict_proba`."""
    return "decision_function" if hasattr(part, "decision_function") else "predict_proba"


def shared_kind(parts: Iterable[SklearnAdapter]) -> str:
    """The kind of the mean of probabilities of the parts."""
    kinds = {part.confidence_kind for part in parts}
    return (kinds.pop() if len(kinds) == 1 else None) or "mean probability"


def placed(values: Tensor, columns: Sequence[int], count: int, absent: float) -> Tensor:
    """`(N, K)` values of all classes from the `(N, k)` of those that a part knows."""
    if list(columns) == list(range(count)):
        return values
    blank = values.new_full((len(values), count), absent)
    return blank.index_copy(1, torch.tensor(columns, device=values.device), values)


def log_mean(logs: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Logarithm of the weighted mean of what `logs` are logarithms of; no weight is below 0, and not all are 0."""
    shares = np.asarray(weights, dtype=np.float64) / np.sum(weights)
    terms = [log + math.log(share) for log, share in zip(logs, shares, strict=True) if share > 0]
    return torch.stack(terms).logsumexp(0)


def relaxed_choice(part: SklearnAdapter, x: Tensor) -> Tensor:
    """`(N, k)` log-shares of classes in a part's choice: its log-probabilities, else the log-softmax of its logits."""
    return part.log_probabilities(x) if part.probability != "none" else part.logits(x).log_softmax(1)


def worst_of_choices(parts: Iterable[SklearnAdapter]) -> GradientKind:
    """The gradient of relaxed choices: a surrogate, or none where a part has none."""
    return "none" if any(part.gradient == "none" for part in parts) else "surrogate"


def log_odds(logs: Tensor) -> Tensor:
    """`(N, K)` log-odds of each class against all others, from log-probabilities, with all digits at both ends."""
    count = logs.shape[1]
    if count == 1:
        return torch.full_like(logs, -ABSENT)
    own = torch.eye(count, dtype=torch.bool, device=logs.device)
    return logs - logs[:, None, :].masked_fill(own, -torch.inf).logsumexp(2)


def probabilities_with_tails(logs: Tensor) -> Tensor:
    """`(N, K)` probabilities, within 2e-7, whose gradient is not lost where they are as good as 0 or 1.

    Beyond log-odds of `_SURE` they change by the logarithm of the log-odds, not by their exponential.
    """
    odds = log_odds(logs)
    size = torch.where(odds > 0, odds, -odds)  # the derivative of `abs` at 0 is 0
    near = torch.sigmoid(-size.clamp_max(_SURE))
    small = near - math.exp(-_SURE) * F.relu(size - _SURE).log1p()
    return torch.where(odds > 0, 1 - small, small)
