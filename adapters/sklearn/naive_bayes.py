"""Naive Bayes: features independent given the class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from scipy.special import logsumexp
from torch import Tensor
from torch.nn import functional as F

from adapters.base import GradientKind, Outputs
from adapters.compiled import SklearnAdapter, refuse
from adapters.errors import Unsupported
from adapters.rounding import sum_roundoff
from adapters.sklearn.discriminant import GaussianAdapter
from adapters.sklearn.linear import NEVER, LogisticAdapter, finite
from adapters.structures.base import Structure
from adapters.structures.gaussian_nb import GaussianNB
from adapters.threads import one_thread

WIDTH = 0.01
"""Width of the relaxed step of BernoulliNB, in units of the input."""


class DiscreteAdapter(LogisticAdapter):
    """MultinomialNB: log-likelihoods linear in the counts. The first largest posterior wins, also of two."""

    family = "naive bayes"
    decision = "none"
    soft_decision = SklearnAdapter.soft_decision
    decision_values = SklearnAdapter.decision_values

    def __init__(self, estimator: Any) -> None:
        super().__init__(estimator)
        if not self._constant("weight").isfinite().all():
            raise refuse(estimator, "infinite log-probabilities", "fit it with a larger alpha")

    def _weights(self, estimator: Any) -> tuple[np.ndarray, np.ndarray]:
        return estimator.feature_log_prob_, estimator.class_log_prior_

    def _own_scores(self, x: Tensor) -> Tensor:
        return self._numbers_of("predict_joint_log_proba", x)


class ComplementAdapter(DiscreteAdapter):
    """ComplementNB: weights from the counts of all other classes, and no priors."""

    def _weights(self, estimator: Any) -> tuple[np.ndarray, np.ndarray]:
        # With `norm=True` scores are too small for log-odds to see the leading rival.
        self.attacked_by = "margin" if estimator.norm else "log-odds"
        return estimator.feature_log_prob_, np.zeros(len(estimator.classes_))


class BernoulliAdapter(DiscreteAdapter):
    """BernoulliNB: the inputs above `binarize` count as 1, the others as 0; with `binarize=None` as they are.

    The step has no gradient, and a surrogate's is that of (1 + z / (1 + |z|)) / 2, z the distance over `WIDTH`: its
    tail is heavy, so that no gradient vanishes.
    """

    version = "2"
    gradient: GradientKind = "surrogate"
    probability: GradientKind = "surrogate"

    def __init__(self, estimator: Any) -> None:
        super().__init__(estimator)
        self._threshold = estimator.binarize
        if self._threshold is None:
            self.gradient = self.probability = "exact"

    def _weights(self, estimator: Any) -> tuple[np.ndarray, np.ndarray]:
        present = estimator.feature_log_prob_
        with np.errstate(all="ignore"):
            absent = np.log(1 - np.exp(present))
            return present - absent, estimator.class_log_prior_ + absent.sum(axis=1)

    def _logits(self, x: Tensor) -> Tensor:
        if self._threshold is None:
            return super()._logits(x)
        far = (x - self._threshold) / WIDTH
        return super()._logits((1 + F.softsign(far)) / 2)

    def _rough(self, x: Tensor) -> Tensor:
        return SklearnAdapter._rough(self, x)

    def _bounded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self._threshold is not None:
            # A Python number is compared in the precision of the batch, a NumPy one in its own.
            wide = np.result_type(np.float32 if x.dtype == torch.float32 else np.float64, self._threshold)
            x = (x.double() > float(wide.type(self._threshold))).double()
        return super()._bounded(x)

    def structure(self, shape: tuple[int, ...]) -> Structure:
        if self._threshold is not None:
            raise Unsupported("nothing is known to be proved of BernoulliNB that cuts its inputs at a threshold")
        return super().structure(shape)

    def _state(self) -> Iterable[object]:
        yield from super()._state()
        yield self._threshold


class GaussianNBAdapter(GaussianAdapter):
    """GaussianNB: densities of diagonal covariance, q_k = sum over features of (x - theta)^2 / var.

    The sum is multiplied out, for it is a matrix product then, and computed in float64, for variances are as small as
    `var_smoothing`.
    """

    family = "naive bayes"

    def __init__(self, estimator: Any) -> None:
        theta, variance = (torch.tensor(part, dtype=torch.float64) for part in (estimator.theta_, estimator.var_))
        inverse = 1 / variance
        if not (inverse.isfinite() & (inverse > 0)).all():
            raise refuse(estimator, "a feature without variance", "fit it with a larger var_smoothing")
        super().__init__(
            estimator,
            # The estimator's own expression in its own precision: its own numbers to the last bit.
            log_factor=np.array([-0.5 * np.sum(np.log(2.0 * np.pi * row)) for row in estimator.var_]),
            prior=estimator.class_prior_,
            precision=estimator.theta_.dtype,
            inverse=inverse,
            tilt=theta / variance,
            rest=(theta**2 / variance).sum(1),
        )

    @one_thread()
    def _estimated(self, x: Tensor) -> Outputs:
        """In float32 the logarithms are so large that normalised ones lose digits: the estimator's own then."""
        if torch.promote_types(x.dtype, self._precision) != torch.float32:
            return super()._estimated(x)
        scores = finite(self._own_scores(x))
        joint = scores.numpy().astype(np.float32)
        probabilities = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
        return Outputs(scores.argmax(1), scores, torch.from_numpy(probabilities).double())

    def _own_scores(self, x: Tensor) -> Tensor:
        return self._numbers_of("predict_joint_log_proba", x)

    def structure(self, shape: tuple[int, ...]) -> Structure:
        """Without the classes of prior zero, which are never given."""
        given = (self._constant("constant") > -NEVER / 2).nonzero()[:, 0].cpu()
        inverse, constant, size = (
            self._constant(name).cpu()[given] for name in ("inverse", "constant", "constant_size")
        )
        mean = torch.tensor(self.estimator.theta_, dtype=torch.float64)[given]
        return GaussianNB.computed(given.tolist(), mean, inverse, constant, size, self._precision)

    def _squares(self, x: Tensor) -> Tensor:
        wide = x.double()
        return self._multiplied_out(wide, -self._constant("tilt"))

    def _rounding(self, x: Tensor, squares: Tensor) -> Tensor:
        own = sum_roundoff(x.shape[1], torch.promote_types(x.dtype, self._precision))
        size = self._multiplied_out(x.double().abs(), self._constant("tilt").abs())
        return own * squares.abs() + sum_roundoff(x.shape[1], torch.float64) * size

    def _multiplied_out(self, x: Tensor, tilt: Tensor) -> Tensor:
        return (x * x) @ self._constant("inverse").T + 2 * x @ tilt.T + self._constant("rest")
