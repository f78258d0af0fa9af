"""Neighbours within a radius."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.base import Outputs
from adapters.rounding import gap, topped
from adapters.sklearn.neighbors import TOLERANCE, StoredPointsAdapter


class RadiusAdapter(StoredPointsAdapter):
    """RadiusNeighborsClassifier: the class of most (weighted) votes of the points within a radius.

    An input without neighbours gets the outlier label. Where there is none, the estimator refuses to predict and the
    adapter abstains, as it does where that label is none of the classes; scores and probabilities are then zero. Points
    too close to the radius to tell on which side they lie are the estimator's to decide, and so are weighted votes too
    close to call.

    The gradient is a surrogate's, the rule having none: the log-odds of soft votes, of which a point at distance d
    gives the share (1 + z / (1 + |z|)) / 2, z = (radius^2 - d^2) / (temperature * `_spread`). Fewer neighbours of all
    classes are a way to err too.
    """

    family = "radius"
    version = "2"
    temperature = 0.03

    def __init__(self, estimator: Any) -> None:
        super().__init__(estimator)
        self._radius = float(estimator.radius)
        outlier = estimator.outlier_label_
        known = [] if outlier is None else np.flatnonzero(estimator.classes_ == outlier[0]).tolist()
        self._outlier = known[0] if known else -1
        if outlier is None:  # no class, so that the estimator answers batches with outliers, and with zeros there
            self.estimator.outlier_label, self.estimator.outlier_label_ = -1, [None]

    def _logits(self, x: Tensor) -> Tensor:
        inputs = x if self._plain else x.double()
        squares = self._squares(self._scaled(inputs))
        width = self.temperature * self._spread
        inside = (self._radius**2 - squares) / width
        ballots = (0.5 + inside.relu()) / (1 + inside.abs())
        if self._weighted:
            ballots = ballots * (squares.relu() + width).rsqrt()
        return (ballots @ self._classes(ballots.dtype)).log().to(x.dtype)

    def _estimated(self, x: Tensor) -> Outputs:
        labels, probabilities = self._answers(x)
        return Outputs(labels, self._ranked(probabilities, labels), probabilities)

    def _compiled(self, x: Tensor) -> Outputs:
        own = torch.promote_types(x.dtype, self._precision)
        scaled = self._scaled(x.double())
        squares, limit = self._squares(scaled), self._radius**2
        inside = squares <= limit
        error = 2 * self._error(scaled, torch.full_like(squares[:, 0], limit), own)
        unsure = ~((squares - limit).abs() > error[:, None]).all(1)
        ballots = inside.double()
        if self._weighted:
            ballots *= squares.clamp_min(torch.finfo(squares.dtype).tiny).rsqrt()
            unsure |= squares.amin(1).clamp_min(0).sqrt() <= 1e-3 * self._size(scaled)
        votes = ballots @ self._classes(ballots.dtype)
        if self._weighted:
            unsure |= gap(votes) < TOLERANCE * votes.amax(1)
        total = votes.sum(1, keepdim=True)
        probabilities = votes / total.where(total > 0, 1)
        labels = probabilities.argmax(1)
        alone = (~inside.any(1) & ~unsure).nonzero()[:, 0]
        if len(alone):  # one answers for all
            labels[alone], probabilities[alone] = self._answers(x[alone[:1]])
        rows = unsure.nonzero()[:, 0]
        if len(rows):
            labels[rows], probabilities[rows] = self._answers(x[rows])
        return Outputs(labels, self._ranked(probabilities, labels), probabilities)

    def _answers(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The estimator's own labels and probabilities, by one search: probabilities are zero for outliers only."""
        probabilities = self._own_probabilities(x)
        return probabilities.argmax(1).where(probabilities.any(1), self._outlier), probabilities

    def _ranked(self, probabilities: Tensor, labels: Tensor) -> Tensor:
        """`(N, K)` scores whose first argmax is the label where there is one."""
        return topped(probabilities, labels.where(labels >= 0, probabilities.argmax(1)))

    def _classes(self, dtype: torch.dtype) -> Tensor:
        """`(S, K)` one-hot classes of the stored points."""
        return F.one_hot(self._constant("owners"), len(self._sizes)).to(dtype)

    def _own_labels(self, x: Tensor) -> Tensor:
        if self._outlier < 0:  # `predict` fails or says what is no class
            return self._answers(x)[0]
        return super()._own_labels(x)

    def _ask(self, method: str, x: Tensor, **options: Any) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Outlier label")
            return super()._ask(method, x, **options)

    def _state(self) -> Iterable[object]:
        yield from (self._radius, self._exponent, self._weighted, str(self._precision), self.temperature)
        yield from (self._outlier, self.estimator.outlier_label)
        yield from super()._state()
