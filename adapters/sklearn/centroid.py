"""Nearest centroid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.base import Outputs
from adapters.compiled import AGREEMENT, SklearnAdapter, refuse_if, settled
from adapters.errors import Unsupported
from adapters.rounding import gap, one_sided, softmax, sum_roundoff, topped
from adapters.structures.base import Structure
from adapters.structures.linear import Linear

BLOCK = 512
"""Inputs taken at a time on the CPU: so few stay in its caches as float64."""


class CentroidAdapter(SklearnAdapter):
    """NearestCentroid: the class of the centroid nearest by euclidean or manhattan distance.

    With equal priors `predict` measures distances d as they are. Else the label is the first argmax of the discriminant
    2 log(prior) - d^2, features divided by their standard deviation within classes. Euclidean estimators have
    `decision_function` and `predict_proba`, which are of the discriminant whatever `predict` goes by.

    Euclidean scores are linear in x up to |x|^2, which no class gains by. Manhattan ones are piecewise linear, with
    priors the square of that: the gradient is exact but where a feature equals a centroid's, which counts as flat.
    """

    family = "centroid"
    version = "2"
    gradient = "exact"

    def __init__(self, estimator: Any) -> None:
        prior, deviation = np.asarray(estimator.class_prior_), np.asarray(estimator.within_class_std_dev_)
        refuse_if(not (prior > 0).all(), estimator, "a class of prior 0", "fit it without that class")
        divisor = np.where(deviation == 0, 1, deviation)
        size = np.abs(estimator.centroids_).max(0, initial=0)
        raw, standard = estimator.centroids_, estimator.centroids_ / divisor
        super().__init__(
            estimator,
            raw=torch.tensor(raw),
            standard=torch.tensor(standard),
            divisor=torch.tensor(divisor),
            bonus=torch.tensor(2 * np.log(prior)),
            weight=torch.tensor(2 * np.concatenate([raw, standard / divisor])),
            bias=torch.tensor(np.concatenate([-(raw**2).sum(1), 2 * np.log(prior) - (standard**2).sum(1)])),
        )
        self._euclidean = estimator.metric == "euclidean"
        self._by_distance = bool(np.isclose(prior, 1 / len(prior)).all())
        # A constant feature whose mean is rounded has a deviation of rounding alone, and blows up all that it divides.
        self._is_noise = bool((divisor < 1e-10 * size).any())
        if self._euclidean:
            self.decision, self.probability, self.confidence_kind = "exact", "exact", "softmax"
            self.attacked_by = "margin" if self._by_distance else "log-odds"

    def _logits(self, x: Tensor) -> Tensor:
        if self._euclidean:
            return self._linear(x)[0 if self._by_distance else 1]
        if self._by_distance:
            return -torch.cdist(x, self._constant("raw", x.dtype), p=1)
        distances = torch.cdist(self._standardised(x), self._constant("standard", x.dtype), p=1)
        return self._constant("bonus", x.dtype) - distances.square()

    def soft_decision(self, x: Tensor) -> Tensor:
        if not self._euclidean:
            return super().soft_decision(x)
        scores = self._linear(x)[1]
        if scores.shape[1] == 2:
            return one_sided(scores)
        return scores - self._standardised(x).square().sum(1, keepdim=True)

    def decision_values(self, x: Tensor) -> Tensor:
        if self._is_noise or not self._euclidean:
            return self._own_decision(x) if self._is_noise else super().decision_values(x)
        wide = x.double()
        values = self.soft_decision(wide)
        blurred = ~(self._error(wide, "standard") <= AGREEMENT / 4 * (1 + values.abs().amin(1)))
        return settled(values, x, blurred, self._own_decision)

    def log_probabilities(self, x: Tensor) -> Tensor:
        return self._linear(x)[1].log_softmax(1) if self._euclidean else super().log_probabilities(x)

    def _estimated(self, x: Tensor) -> Outputs:
        # What rounding leaves open is asked about once: a question takes the estimator as long as a block takes us.
        return self._settled(x, *map(torch.cat, zip(*map(self._told, torch.split(x, BLOCK)), strict=True)))

    def _compiled(self, x: Tensor) -> Outputs:
        return self._settled(x, *self._told(x))

    def _told(self, x: Tensor) -> tuple[Tensor, ...]:
        """`(N, K)` float64 scores and `(N,)` which labels rounding leaves open; the same of probabilities, if any."""
        wide = x.double()
        by_distance, discriminant = self._linear(wide) if self._euclidean else (self._logits(wide),) * 2
        scores = by_distance if self._by_distance else discriminant
        near = ~(gap(scores) > 2 * self._error(wide, "raw" if self._by_distance else "standard"))
        if not self._euclidean:
            return scores, near
        return scores, near, softmax(discriminant), ~(self._error(wide, "standard") <= AGREEMENT / 4) | self._is_noise

    def _settled(
        self,
        x: Tensor,
        scores: Tensor,
        near: Tensor,
        probabilities: Tensor | None = None,
        blurred: Tensor | None = None,
    ) -> Outputs:
        """What was told, with what is open set to what the estimator says."""
        labels = settled(scores.argmax(1), x, near, self._own_labels)
        if probabilities is not None and blurred is not None:
            probabilities = settled(probabilities, x, blurred, self._own_probabilities)
        return Outputs(labels, topped(scores, labels), probabilities)

    def _linear(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores by euclidean distance, `(N, K)` 2 x.c - |c|^2, and the discriminant, both but for their |x|^2."""
        both: Tensor = F.linear(self._constant("weight", x.dtype), x).T + self._constant("bias", x.dtype)
        return both[:, : both.shape[1] // 2], both[:, both.shape[1] // 2 :]

    def _error(self, x: Tensor, name: str) -> Tensor:
        """`(N,)` bound on how far the scores of `raw` or `standard` centroids, and the estimator's, are from the exact.

        What is summed up are products or differences of two numbers: none of it is above the sum of their lengths,
        squared unless it is a distance.
        """
        by_distance = name == "raw"
        inputs = x if by_distance else self._standardised(x)
        order = 2 if self._euclidean else 1
        size = torch.linalg.vector_norm(inputs, ord=order, dim=1)
        size = size + torch.linalg.vector_norm(self._constant(name), ord=order, dim=1).amax()
        if self._euclidean or not by_distance:
            size = size**2 + self._constant("bonus").abs().amax()
        error: Tensor = 4 * sum_roundoff(x.shape[1], x.dtype) * size
        return error

    def structure(self, shape: tuple[int, ...]) -> Structure:
        """What `_error` has, with (a + b)^2 at most 2 (a^2 + b^2)."""
        if not self._euclidean:
            raise Unsupported("nothing is known to be proved of nearest centroids by Manhattan distance")
        if self._is_noise:
            raise Unsupported("nothing is known to be proved of nearest centroids whose deviations are rounding alone")
        name = "raw" if self._by_distance else "standard"
        count = len(self.classes or ())
        here = slice(0, count) if self._by_distance else slice(count, 2 * count)
        weight, bias = (self._constant(part)[here].double().cpu() for part in ("weight", "bias"))
        dtype = torch.float64 if self._by_distance else self._constant(name).dtype
        share, longest = 4 * sum_roundoff(weight.shape[1], dtype), self._constant(name).double().norm(dim=1).amax()
        rest = share * (2 * longest.square().cpu() + self._constant("bonus").double().abs().amax().cpu())
        divisor = 1.0 if self._by_distance else float(self._constant("divisor").abs().amin())
        return Linear(
            tuple(range(count)),
            weight,
            bias,
            torch.zeros_like(weight),
            rest.expand(count).clone(),
            2 * share / divisor**2,
        )

    def _standardised(self, x: Tensor) -> Tensor:
        standardised: Tensor = x / self._constant("divisor", x.dtype)
        return standardised

    def _state(self) -> Iterable[object]:
        yield from (self._euclidean, self._by_distance)
        yield from (self._constant(name) for name in ("raw", "divisor", "bonus"))
