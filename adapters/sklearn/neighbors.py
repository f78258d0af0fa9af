"""k-nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional as F

from adapters.base import Outputs
from adapters.sklearn.base import (
    SklearnAdapter,
    float32_is_exact_enough,
    refuse,
    sum_roundoff,
    topped,
)

METRICS = {"euclidean": 2.0, "l2": 2.0, "manhattan": 1.0, "l1": 1.0, "cityblock": 1.0, "chebyshev": torch.inf}
"""Name of a metric -> its Minkowski exponent."""

_TOLERANCE = 1e-6
"""Weighted votes relatively closer than this are the estimator's to count."""


class NeighborsAdapter(SklearnAdapter):
    """KNeighborsClassifier: the class of most (weighted) votes among the k nearest, a vote tie to the lowest class.

    Which of several points at the k-th distance count depends on the estimator's search, so those rows are its own to
    decide, and so are weighted votes too close to call.

    The gradient is a surrogate's, the rule having none. With q = k // 2 + 1 points a rival class surely wins, so the
    logit of a class is minus the mean squared distance of its q nearest points (over `_spread`, the stored points' mean
    squared distance from their centre), and the training loss sets the best rival's against the true class's 2q
    nearest, more of which must recede. FGSM error at .1 / .25 on MNIST (10,000 points; 500 images, clean 7.8 to 7.6%):
    k = 1 28.6% / 74.6%, k = 3 23.8% / 62.8%, k = 5 by distance 21.0% / 58.0%. The usual logsumexp of -d^2 / T over all
    points of a class reaches, at the best T of nine for each, 27.0% / 63.4%, 17.8% / 53.2% and 19.0% / 57.6%.
    """

    family = "knn"
    gradient = "surrogate"
    jumps = True
    confidence_kind = "votes"

    def __init__(self, estimator: Any) -> None:
        """
        Raises:
            NotWrappable: a metric other than euclidean, manhattan and chebyshev, weights by a function, several
                outputs, a fit on sparse data, or fewer points than neighbours.
        """
        metric = estimator.effective_metric_
        if metric not in METRICS or estimator.effective_metric_params_:
            raise refuse(estimator, "a callable metric" if callable(metric) else f"metric={metric!r}")
        if callable(estimator.weights):
            raise refuse(estimator, "weights by a function")
        if estimator.outputs_2d_:
            raise refuse(estimator, "several outputs", "fit one estimator for each")
        if sparse.issparse(estimator._fit_X):
            raise refuse(estimator, "a fit on sparse data", "fit it on X.toarray()")
        if estimator.n_neighbors > estimator.n_samples_fit_:
            raise refuse(estimator, f"{estimator.n_neighbors} neighbours of {estimator.n_samples_fit_} points")
        stored = np.asarray(estimator._fit_X)
        by_class = np.argsort(estimator._y, kind="stable")
        points = torch.tensor(stored[by_class], dtype=torch.float64)
        super().__init__(
            estimator,
            points=points,
            squares=(points**2).sum(1),
            owners=torch.tensor(estimator._y[by_class]),
        )
        self._exponent = METRICS[metric]
        self._weighted = estimator.weights == "distance"
        self._precision = torch.as_tensor(stored[:0]).dtype
        self._sizes = np.bincount(estimator._y).tolist()
        self._majority = estimator.n_neighbors // 2 + 1
        self._spread = float(self._squares(points.mean(0, keepdim=True)).mean()) or 1.0

    def _logits(self, x: Tensor) -> Tensor:
        return -self._mean_squares(x, self._majority)[0]

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        rivals, own = self._mean_squares(x, 2 * self._majority)
        rivals = rivals.scatter(1, y[:, None], torch.inf)
        return own.gather(1, y[:, None])[:, 0] - rivals.amin(1)

    def _mean_squares(self, x: Tensor, wide: int) -> tuple[Tensor, Tensor]:
        """Mean squared distances, each `(N, K)`, to the `majority` and to the `wide` nearest points of every class."""
        with torch.no_grad():
            by_class = torch.split(self._squares(x), self._sizes, dim=1)
        points = torch.split(self._constant("points", x.dtype), self._sizes)
        few, many = [], []
        for squares, members in zip(by_class, points, strict=True):
            nearest = squares.topk(min(wide, len(members)), dim=1, largest=False).indices
            near = self._gathered(x, members[nearest]) ** 2 / self._spread
            few.append(near[:, : self._majority].mean(1))
            many.append(near.mean(1))
        return torch.stack(few, dim=1), torch.stack(many, dim=1)

    def _compiled(self, x: Tensor) -> Outputs:
        if x.dtype == torch.float32 and float32_is_exact_enough():
            nearest, unsure = self._search(x, x.dtype)
            rows = unsure.nonzero()[:, 0]
            if len(rows):
                nearest[rows], unsure[rows] = self._search(x[rows], torch.float64)
        else:
            nearest, unsure = self._search(x, torch.float64)
        ballots = torch.ones_like(nearest, dtype=torch.float64)
        if self._weighted:
            ballots, ill = self._weights(x, nearest)
            unsure |= ill
        given = F.one_hot(self._constant("owners")[nearest], len(self._sizes)) * ballots[:, :, None]
        votes = given.sum(1)
        if self._weighted:
            best = votes.topk(2, dim=1).values
            unsure |= best[:, 0] - best[:, 1] <= _TOLERANCE * best[:, 0]
        labels, probabilities = votes.argmax(1), votes / votes.sum(1, keepdim=True)
        rows = unsure.nonzero()[:, 0]
        if len(rows):
            labels[rows], probabilities[rows] = self._own_labels(x[rows]), self._own_probabilities(x[rows])
        return Outputs(labels, topped(probabilities, labels), probabilities)

    def _search(self, x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """`(N, k)` indices of the nearest points in no order, and whether rounding leaves open which they are."""
        k, total = self.estimator.n_neighbors, len(self._constant("points"))
        squares = self._squares(x.to(dtype))
        near = squares.topk(min(k + 1, total), dim=1, largest=False)
        if k == total:
            return near.indices, torch.zeros(len(x), dtype=torch.bool, device=x.device)
        last, next_ = near.values[:, k - 1], near.values[:, k]
        share = sum_roundoff(x.shape[1], dtype)
        if self._exponent == 2:
            longest = self._constant("squares", dtype).amax().sqrt()
            error = share * (x.to(dtype).norm(dim=1) + longest) ** 2
        else:
            error = 4 * share * next_
        own = torch.finfo(torch.promote_types(x.dtype, self._precision)).eps
        return near.indices[:, :k], ~(next_ - last > 2 * (error + 8 * own * next_))

    def _squares(self, x: Tensor) -> Tensor:
        """`(N, S)` squared distances to the stored points, in the precision of `x`."""
        points = self._constant("points", x.dtype)
        if self._exponent == 2:
            return (x * x).sum(1, keepdim=True) + self._constant("squares", x.dtype) - 2 * (x @ points.T)
        return torch.cdist(x, points, p=self._exponent) ** 2

    def _weights(self, x: Tensor, nearest: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, k)` inverse distances, and the rows so close to a point that the estimator's rounding decides them."""
        distances = self._gathered(x.double(), self._constant("points")[nearest])
        size = torch.linalg.vector_norm(x.double(), ord=self._exponent, dim=1)
        return 1 / distances, distances.amin(1) <= 1e-3 * size

    def _gathered(self, x: Tensor, points: Tensor) -> Tensor:
        """`(N, M)` distances of `(N, D)` inputs to their own `(N, M, D)` points."""
        distances: Tensor = torch.linalg.vector_norm(x[:, None] - points, ord=self._exponent, dim=2)
        return distances

    def _state(self) -> Iterable[object]:
        yield from (self.estimator.n_neighbors, self._exponent, self._weighted, str(self._precision))
        # The order of fit breaks ties: the classes in that order tell it, the points being stably sorted by class.
        yield from (self.estimator._y, self._constant("points"))
