"""What the parts of an estimator say, and how the whole takes it in: as it is, and differentiably."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.base import GradientKind, Outputs
from adapters.compiled import SklearnAdapter
from adapters.errors import NotWrappable
from adapters.sklearn.linear import LinearAdapter
from adapters.sklearn.table import REMEDY, compile_inner

ABSENT = -1e4
"""Log-probability of a class that a part does not know: finite, so that gradients stay so."""

FAINT = -40.0
"""The same where logarithms are added up, so that other parts may still speak for the class."""

_SURE = 18.0
"""Log-odds from which on probabilities, within 2e-7 of 0 or 1, change more slowly towards them than they are."""


class Response:
    """What one method of a part says, in the columns that the whole takes of it: as it is, and differentiably."""

    def __init__(self, part: SklearnAdapter, method: str, columns: slice = slice(None)) -> None:
        self.part, self.method, self.columns = part, method, columns
        self.kind: GradientKind = {"decision_function": part.decision, "predict_proba": part.probability}.get(
            method, worst_of_choices([part])
        )

    def values(self, x: Tensor) -> Tensor:
        """`(N, C)` float64 values of the method, to the part's `agreement`; labels are their numbers."""
        return self.part.decision_values(x) if self.method == "decision_function" else self.answers(x)[0]

    def bounded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`values`, and a bound on how far they are from the part's own."""
        if self.method == "decision_function":
            return self.part.bounded_decision(x)
        values = self.values(x)
        return values, self.error(values)

    def answers(self, x: Tensor) -> tuple[Tensor, Outputs]:
        """`values` and all outputs of the part, in one pass where it tells both."""
        outputs = self.part.outputs(x)
        if self.method == "predict":
            return self._numbers(x)[outputs.labels][:, None], outputs
        if self.method == "predict_proba":
            assert outputs.probabilities is not None
            return outputs.probabilities.double()[:, self.columns], outputs
        if isinstance(self.part, LinearAdapter) and outputs.scores is not None:  # of two classes: 0 and its decision
            return outputs.scores[:, 1:] if outputs.scores.shape[1] == 2 else outputs.scores, outputs
        return self.part.decision_values(x), outputs

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
    """The adapters of the named parts of an estimator, or a refusal that names the part."""
    adapters = []
    for name, part in parts:
        try:
            adapters.append(compile_inner(part))
        except NotWrappable as error:
            raise NotWrappable(f"{_named(whole, name, part)}: {error}") from None
    return adapters


def checked_response(
    whole: Any, name: object, part: Any, adapter: SklearnAdapter, method: str, columns: slice = slice(None)
) -> Response:
    """What a method of the part says; a refusal where the part lacks it, or it is not compiled."""
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
