"""Discriminant analysis: each class has a Gaussian density, and the largest posterior wins."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adapters.base import Outputs
from adapters.compiled import AGREEMENT, SklearnAdapter, refuse, settled
from adapters.rounding import one_sided, softmax, sum_roundoff, two_sided
from adapters.sklearn.linear import LogisticAdapter, finite
from adapters.threads import one_thread


class LinearDiscriminantAdapter(LogisticAdapter):
    """LinearDiscriminantAnalysis: densities of one covariance, so that the log-posteriors are linear."""

    family = "discriminant"
    attacked_by = "margin"


class GaussianAdapter(SklearnAdapter):
    """Classes of Gaussian densities: scores c_k - q_k(x) / 2, q the squared Mahalanobis distance to the class.

    The first largest score wins, and probabilities are the softmax. Scores are large and differences of sums, so
    rounding may leave open the probabilities of rows whose label is sure: both are the estimator's own then, unless it
    computes in float32, when its probabilities have no more digits than that.
    """

    version = "2"
    gradient = "exact"
    confidence_kind = "softmax"
    probability = "exact"

    def __init__(
        self, estimator: Any, log_factor: np.ndarray, prior: np.ndarray, precision: np.dtype, **constants: Tensor
    ) -> None:
        """Take the `(K,)` logarithms of each density's factor, the `(K,)` priors, and the coarsest of the precisions
        that the estimator keeps its parameters in.
        """
        with np.errstate(divide="ignore"):
            parts = finite(torch.tensor(np.stack([log_factor, np.log(prior)]), dtype=torch.float64))
        super().__init__(estimator, constant=parts.sum(0), constant_size=parts.abs().sum(0), **constants)
        self._precision = torch.as_tensor(np.empty(0, precision)).dtype

    @abstractmethod
    def _squares(self, x: Tensor) -> Tensor:
        """`(N, K)` differentiable squared Mahalanobis distances."""

    @abstractmethod
    def _rounding(self, x: Tensor, squares: Tensor) -> Tensor:
        """`(N, K)` bound on how far the distances, computed in float64, and the estimator's own can be apart."""

    @abstractmethod
    def _own_scores(self, x: Tensor) -> Tensor:
        """`(N, K)` float64 scores by the estimator's own code, up to a constant of the row."""

    def _scores(self, squares: Tensor) -> Tensor:
        return self._constant("constant", squares.dtype) - squares / 2

    def _logits(self, x: Tensor) -> Tensor:
        """The scores less the best one of each row, so that float32 tells the leading classes apart."""
        scores = self._scores(self._squares(x))
        return (scores - scores.detach().amax(1, keepdim=True)).to(x.dtype)

    @one_thread()
    def _estimated(self, x: Tensor) -> Outputs:
        scores = finite(self._own_scores(x))
        return Outputs(scores.argmax(1), scores, softmax(scores))

    def _compiled(self, x: Tensor) -> Outputs:
        scores, error = self._bounded(x)
        scores = settled(scores, x, self._unsure(x, scores, error), lambda rows: finite(self._own_scores(rows)))
        return Outputs(scores.argmax(1), scores, softmax(scores))

    def _bounded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, K)` float64 scores, and how far rounding can keep them and the estimator's own from each other."""
        squares = self._squares(x.double())
        share = sum_roundoff(8, torch.promote_types(x.dtype, self._precision))
        error = self._rounding(x, squares) / 2 + share * (squares / 2 + self._constant("constant_size"))
        return self._scores(squares), error

    def _unsure(self, x: Tensor, scores: Tensor, error: Tensor) -> Tensor:
        """`(M,)` rows of which rounding leaves open the label, or the probabilities by more than `AGREEMENT`.

        Errors e and e' of two classes' scores change the odds between them by a factor of up to exp(e + e').
        """
        best, winner = (scores - error).max(1, keepdim=True)
        ahead = (scores + error - best).scatter(1, winner, -torch.inf)
        sure = (ahead < 0).all(1)
        if torch.promote_types(x.dtype, self._precision) == torch.float64:
            moved = ahead.exp() * (2 * (error + error.gather(1, winner))).clamp(max=1)
            sure &= moved.sum(1) <= AGREEMENT
        return (~sure).nonzero()[:, 0]

    def _state(self) -> Iterable[object]:
        yield from (type(self.estimator).__name__, str(self._precision))
        yield from self._constants.values()


class QuadraticAdapter(GaussianAdapter):
    """QuadraticDiscriminantAnalysis: q_k = |(x - m_k) A_k|^2, A_k the class's principal axes over their deviations."""

    family = "discriminant"
    decision = "exact"

    def __init__(self, estimator: Any) -> None:
        # The estimator's own expressions in its own precision: its own numbers to the last bit.
        axes = [axis * scale**-0.5 for axis, scale in zip(estimator.rotations_, estimator.scalings_, strict=True)]
        features = estimator.n_features_in_
        if not all(axis.shape == (features, features) and np.isfinite(axis).all() for axis in axes):
            raise refuse(estimator, "a covariance not of full rank", "fit it with a larger reg_param")
        means, whitening = (torch.tensor(np.array(part), dtype=torch.float64) for part in (estimator.means_, axes))
        super().__init__(
            estimator,
            log_factor=-0.5 * np.array([np.log(scale).sum() for scale in estimator.scalings_]),
            prior=estimator.priors_,
            precision=min((estimator.means_.dtype, axes[0].dtype), key=lambda dtype: dtype.itemsize),
            means=means,
            whitening=whitening,
            offset=(means[:, None] @ whitening)[:, 0],
        )

    def soft_decision(self, x: Tensor) -> Tensor:
        return one_sided(self._scores(self._squares(x)))

    def decision_values(self, x: Tensor) -> Tensor:
        return self.bounded_decision(x)[0]

    def bounded_decision(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.device.type == "cpu":  # they are its own
            values = self._own_decision(x)
            return values, torch.zeros_like(values)
        scores, error = self._bounded(x)
        return one_sided(scores), error.sum(1, keepdim=True) if scores.shape[1] == 2 else error

    def _own_scores(self, x: Tensor) -> Tensor:
        return two_sided(self._own_decision(x))

    def _squares(self, x: Tensor) -> Tensor:
        classes = zip(self._constant("whitening", x.dtype), self._constant("offset", x.dtype), strict=True)
        return torch.stack([(x @ axes - offset).square().sum(1) for axes, offset in classes], dim=1)

    def _rounding(self, x: Tensor, squares: Tensor) -> Tensor:
        """By Cauchy-Schwarz each coordinate is off by at most gamma_D (|x| + |m|) |a|, a its axis, so that all are by
        off = gamma_D (|x| + |m|) |A|_F together, and q by off (2 sqrt(q) + off).
        """
        share = sum_roundoff(x.shape[1], torch.promote_types(x.dtype, self._precision))
        lengths = x.double().norm(dim=1, keepdim=True) + self._constant("means").norm(dim=1)
        off = 2 * share * lengths * self._constant("whitening").flatten(1).norm(dim=1)
        bound: Tensor = off * (2 * squares.sqrt() + off) + 2 * share * squares
        return bound
