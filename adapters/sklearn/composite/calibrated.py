"""Classifiers whose scores are turned into probabilities by a curve fitted afterwards."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.base import GradientKind, Movable, Outputs, worst
from adapters.compiled import AGREEMENT, refuse, settled
from adapters.rounding import topped
from adapters.sklearn.composite.parts import ROUNDING, CompositeAdapter
from adapters.sklearn.composite.responses import (
    ABSENT,
    Response,
    checked_response,
    compiled_parts,
    log_mean,
    placed,
    preferred_method,
)
from adapters.threads import one_thread

_ADDED = 1e-12
"""What temperature scaling adds to probabilities before it takes their logarithms."""


class CalibratedAdapter(CompositeAdapter):
    """CalibratedClassifierCV: the first largest mean, over the folds, of calibrated and normalised scores.

    What a score is uncertain by, a monotone curve turns into an interval of probabilities: rows whose label the
    intervals leave open are the estimator's to decide, and so are the probabilities of those wider than `AGREEMENT`.
    """

    family = "calibrated"
    because = "each score goes through a curve, and the shares are normalised"
    version = "2"
    confidence_kind = "calibrated"
    attacked_by = "log-odds"

    def __init__(self, estimator: Any) -> None:
        pairs = estimator.calibrated_classifiers_
        named = [(number, pair.estimator) for number, pair in enumerate(pairs)]
        parts = compiled_parts(estimator, named)
        super().__init__(estimator, parts)
        self.estimator.calibrated_classifiers_ = list(map(copy.copy, pairs))
        for twin, part in zip(self.estimator.calibrated_classifiers_, parts, strict=True):
            twin.estimator = part.estimator
        count = len(estimator.classes_)
        self._folds: list[_Curves | _Temperature] = []
        for (number, own), part, pair in zip(named, parts, pairs, strict=True):
            method, known = preferred_method(own), own.classes_
            columns = slice(1, 2) if method == "predict_proba" and len(known) == 2 else slice(None)
            response = checked_response(estimator, number, own, part, method, columns)
            if pair.method != "temperature":
                positions = [1] if count == 2 else np.searchsorted(estimator.classes_, known).tolist()
                # As in scikit-learn, the one score of a part that knows two of more classes counts for its first.
                self._folds.append(_Curves(response, pair.calibrators, positions, count))
            elif len(known) < count:
                raise refuse(
                    estimator, "method='temperature' and a fold without one of the classes", "it cannot predict"
                )
            elif method == "predict_proba" and part.family == "one-vs-rest":  # all may be zero: taken for logits then
                raise refuse(estimator, "method='temperature' of one-vs-rest probabilities", "set another method")
            else:
                self._folds.append(_Temperature(response, pair.calibrators[0]))
        self.gradient = self.probability = worst(*(fold.kind for fold in self._folds))

    def _compiled(self, x: Tensor) -> Outputs:
        found = [fold.calibrated(*fold.response.bounded(x)) for fold in self._folds]
        mean = torch.stack([probabilities for probabilities, _ in found]).mean(0).clamp_max(1)
        error = torch.stack([error for _, error in found]).mean(0)
        wide = ~(error <= AGREEMENT).all(1)
        mean = settled(mean, x, wide, self._own_probabilities)
        labels = self._labels(x, mean, torch.where(wide[:, None], 0, error))
        return Outputs(labels, topped(mean, labels), mean)

    def log_probabilities(self, x: Tensor) -> Tensor:
        return log_mean([fold.log_probabilities(x) for fold in self._folds], [1] * len(self._folds))

    def _logits(self, x: Tensor) -> Tensor:
        return self.log_probabilities(x)

    def _state(self) -> Iterable[object]:
        yield from super()._state()
        for fold in self._folds:
            yield from fold.state()


class _Curves(Movable):
    """One fold's scores, each turned into a share by a curve of its own; shares are normalised over the classes.

    A sigmoid curve has the share 1 / (1 + exp(a v + b)) for the score v. An isotonic one has straight lines between its
    points and is flat elsewhere. Its stand-in is the sigmoid of the mean and the spread of its rises.
    """

    def __init__(self, response: Response, calibrators: Sequence[Any], positions: Sequence[int], count: int) -> None:
        """Take what the fold's estimator says, a fitted curve and the class for each of its scores, and the number of
        classes.
        """
        self.response, self.count = response, count
        self.positions = positions[: len(calibrators)]
        self.isotonic: _Isotonic | None = None
        if hasattr(calibrators[0], "X_thresholds_"):
            self.isotonic = _Isotonic(calibrators)
            lines = [_sigmoid_of(curve.X_thresholds_, curve.y_thresholds_) for curve in calibrators]
        else:
            lines = [(-curve.a_, -curve.b_) for curve in calibrators]
        self.lines = torch.tensor(np.asarray(lines, dtype=np.float64).T)
        self.kind: GradientKind = worst(response.kind, "surrogate" if self.isotonic else "exact")

    @one_thread()
    def calibrated(self, values: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, K)` probabilities of scores that may be off by `error`, and how far the estimator's own may be off."""
        if self.isotonic:
            off = self.isotonic.rounding
            heights, one, other = map(self.isotonic.heights, (values, values - error, values + error))
            one, other = (one - off).clamp_min(0), other + off
        else:
            slope, offset = self.lines
            heights, one, other = (
                (each * slope + offset).sigmoid() for each in (values, values - error, values + error)
            )
        shares, one, other = (self._laid_out(each) for each in (heights, one, other))
        return _bounded(shares, torch.minimum(one, other), torch.maximum(one, other))

    def _laid_out(self, heights: Tensor) -> Tensor:
        """`(N, K)` shares from `(N, C)` heights of the curves; of two classes the first has the rest."""
        if self.count == 2:
            return torch.cat([1 - heights, heights], dim=1)
        return placed(heights, self.positions, self.count, 0.0)

    def log_probabilities(self, x: Tensor) -> Tensor:
        slope, offset = self.lines.to(x.dtype)
        heights = self.response.soft(x) * slope + offset
        if self.count == 2:
            return F.logsigmoid(torch.cat([-heights, heights], dim=1))
        return F.logsigmoid(placed(heights, self.positions, self.count, ABSENT)).log_softmax(1)

    def state(self) -> Iterable[object]:
        yield from (self.response.method, self.positions, self.lines)
        if self.isotonic:
            yield from (self.isotonic.x, self.isotonic.y)


class _Isotonic(Movable):
    """Increasing curves of straight lines between points, flat outside of them."""

    def __init__(self, curves: Sequence[Any]) -> None:
        """Take `C` fitted isotonic regressions."""
        self.ends = torch.tensor(np.array([curve.X_thresholds_[[0, -1]] for curve in curves]))
        self.rounding = 2 * float(np.finfo(self.ends.numpy().dtype).eps)
        most = max(2, *(len(curve.X_thresholds_) for curve in curves))
        tables: list[list[np.ndarray]] = []
        for curve in curves:
            x, y = curve.X_thresholds_, curve.y_thresholds_.astype(np.float64)
            slope = np.append(np.diff(y) / np.diff(x.astype(np.float64)), 0)
            missing = (0, most - len(x))
            tables.append([np.pad(x, missing, constant_values=np.inf), *(np.pad(each, missing) for each in (y, slope))])
        self.x, self.y, self.slope = (torch.tensor(np.array(table)) for table in zip(*tables, strict=True))

    def heights(self, values: Tensor) -> Tensor:
        """`(N, C)` float64 heights of the curves at `(N, C)` values, up to `rounding`.

        Values are taken in the precision of the points, as the estimator does.
        """
        place = values.T.to(self.x.dtype).contiguous().clamp(self.ends[:, :1], self.ends[:, 1:])
        right = torch.searchsorted(self.x, place).clamp_min(1)
        # Positions in the tables laid out in one row.
        left = right - 1 + torch.arange(0, self.x.numel(), self.x.shape[1], device=place.device)[:, None]
        return (self.y.take(left) + (place - self.x.take(left)).double() * self.slope.take(left)).T


class _Temperature:
    """One fold's scores, times beta, or the logarithms of its probabilities, times beta, as the logits of a softmax."""

    def __init__(self, response: Response, calibrator: Any) -> None:
        self.response, self.beta = response, float(calibrator.beta_)
        self.of_probabilities = response.method == "predict_proba"
        self.kind: GradientKind = worst(response.kind, "surrogate" if self.of_probabilities else "exact")
        self.rounding = 4 * float(np.finfo(calibrator.beta_.dtype).eps) + ROUNDING

    @one_thread()
    def calibrated(self, values: Tensor, error: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, K)` probabilities of scores that may be off by `error`, and how far the estimator's own may be off."""
        logits, *ends = self._scaled(torch.cat([values, values - error, values + error])).chunk(3)
        shares, one, other = ((each - logits.amax(1, keepdim=True)).exp() for each in (logits, *ends))
        return _bounded(shares, torch.minimum(one, other), torch.maximum(one, other), self.rounding)

    def _scaled(self, values: Tensor) -> Tensor:
        """`(N, K)` logits."""
        if not self.of_probabilities:
            return self.beta * _both(values)
        both = torch.cat([1 - values, values], dim=1) if values.shape[1] == 1 else values
        return self.beta * (both.clamp_min(0) + _ADDED).log()

    def log_probabilities(self, x: Tensor) -> Tensor:
        """Of probabilities without what is added to them, which would take the gradient of small ones away."""
        if self.of_probabilities:
            return (self.beta * self.response.part.log_probabilities(x)).log_softmax(1)
        return (self.beta * _both(self.response.soft(x))).log_softmax(1)

    def state(self) -> Iterable[object]:
        return self.response.method, self.beta


def _bounded(shares: Tensor, low: Tensor, high: Tensor, rounding: float = ROUNDING) -> tuple[Tensor, Tensor]:
    """`(N, K)` normalised shares, and how far others between `low` and `high` may be from them when normalised."""
    probabilities = _normalised(shares, shares)
    lowest, highest = _normalised(low, high), _normalised(high, low)
    return probabilities, torch.maximum(highest - probabilities, probabilities - lowest) + rounding


def _normalised(own: Tensor, rivals: Tensor) -> Tensor:
    """`(N, K)` each class's share `own` of the sum of it and the others' `rivals`; even where all are zero."""
    others = (rivals.sum(1, keepdim=True) - rivals).clamp_min(0)
    total = own + others
    return torch.where(total == 0, 1 / own.shape[1], own / total)


def _both(values: Tensor) -> Tensor:
    """`(N, K)` logits from decision values, which of two classes are those of the second."""
    return torch.cat([-values, values], dim=1) if values.shape[1] == 1 else values


def _sigmoid_of(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the sigmoid whose rise has the mean and the spread of an isotonic curve's.

    The logistic distribution of slope s has the standard deviation pi / (s sqrt(3)).
    """
    rises, widths = np.diff(y).astype(np.float64), np.diff(x).astype(np.float64)
    if not rises.sum():
        height = float(np.clip(y.mean(), 1e-6, 1 - 1e-6))
        return 0.0, math.log(height / (1 - height))
    shares, middles = rises / rises.sum(), x[:-1] + widths / 2
    mean = float(shares @ middles)
    slope = math.pi / math.sqrt(3 * float(shares @ ((middles - mean) ** 2 + widths**2 / 12)))
    return slope, -slope * mean
