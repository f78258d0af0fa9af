"""k-nearest neighbours, and what other votes of stored points share with them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional as F

from adapters.base import Outputs
from adapters.compiled import SklearnAdapter, refuse, refuse_if, settled
from adapters.errors import Unsupported
from adapters.precision import ROUGH
from adapters.rounding import float32_is_exact_enough, gap, sum_roundoff, topped
from adapters.structures.base import Structure
from adapters.structures.neighbours import Neighbours

METRICS = {"euclidean": 2.0, "l2": 2.0, "manhattan": 1.0, "l1": 1.0, "cityblock": 1.0, "chebyshev": torch.inf}
"""Name of a metric -> its Minkowski exponent."""

_ASKED = 64
"""Of so many stored points it is looked at how near the next one is."""

TOLERANCE = 1e-6
"""Weighted votes relatively closer than this are the estimator's to count."""


class StoredPointsAdapter(SklearnAdapter):
    """The stored points of a fitted estimator, grouped by class, and the distances to them.

    A metric is a Minkowski one, (sum over features of w |x - s|^p)^(1/p): with the features scaled by w^(1/p) it has
    no weights.
    """

    jumps = True
    confidence_kind = "votes"
    gradient = "surrogate"
    probability = "surrogate"

    def __init__(self, estimator: Any) -> None:
        exponent, scale = _minkowski(estimator)
        refuse_if(callable(estimator.weights), estimator, "weights by a function")
        refuse_if(estimator.outputs_2d_, estimator, "several outputs", "fit one estimator for each")
        refuse_if(sparse.issparse(estimator._fit_X), estimator, "a fit on sparse data", "fit it on X.toarray()")
        if not hasattr(estimator, "n_features_in_"):
            raise refuse(estimator, "a fit on a search tree", "fit it on the array itself")
        stored = np.asarray(estimator._fit_X)
        by_class = np.argsort(estimator._y, kind="stable")
        points = torch.tensor(stored[by_class], dtype=torch.float64)
        constants = {"owners": torch.tensor(estimator._y[by_class])}
        if scale is not None:
            constants["scale"] = torch.tensor(scale)
            points = points * constants["scale"]
        super().__init__(estimator, points=points, squares=(points**2).sum(1), **constants)
        if estimator.metric_params:
            self.estimator.metric_params = dict(estimator.metric_params)  # into which its own code writes
        self._exponent = exponent
        self._weighted = estimator.weights == "distance"
        self._precision = torch.as_tensor(stored[:0]).dtype
        self._sizes = np.bincount(estimator._y).tolist()
        self._plain = exponent in METRICS.values() and scale is None
        self._longest = float(torch.linalg.vector_norm(points, ord=exponent, dim=1).max())
        self._spread = float(self._squares(points.mean(0, keepdim=True)).mean()) or 1.0

    def _scaled(self, x: Tensor) -> Tensor:
        """`x` with its features as far apart as the metric weighs them."""
        return x * self._constant("scale", x.dtype) if "scale" in self._constants else x

    def _squares(self, x: Tensor) -> Tensor:
        """`(N, S)` squared distances from scaled inputs to the stored points, in the precision of `x`."""
        points = self._constant("points", x.dtype)
        if self._exponent == 2:
            return (x * x).sum(1, keepdim=True) + self._constant("squares", x.dtype) - 2 * (x @ points.T)
        return torch.cdist(x, points, p=self._exponent) ** 2

    def _error(self, x: Tensor, squares: Tensor, own: torch.dtype) -> Tensor:
        """`(N,)` bound on the errors of squared distances near `(N,)` `squares`, the estimator's in `own` included.

        Infinite where the p-th powers that other metrics sum up leave the numbers of a precision.
        """
        share, size = sum_roundoff(x.shape[1], x.dtype), self._size(x)
        error = share * size**2 if self._exponent == 2 else 4 * share * squares
        if not self._plain:
            # Scaled features are rounded once more, whatever cancels between them.
            error = error + 8 * torch.finfo(x.dtype).eps * size * squares.sqrt()
            numbers = torch.finfo(own)
            power = squares.double() ** (self._exponent / 2)
            lost = x.shape[1] * numbers.tiny / power
            error = torch.where(power < numbers.max / 2, error + 2 * lost * squares, torch.inf)
        return error + 8 * torch.finfo(own).eps * squares

    def _size(self, x: Tensor) -> Tensor:
        """`(N,)` length of an input plus that of the longest stored point: no distance is above it."""
        length: Tensor = torch.linalg.vector_norm(x, ord=self._exponent, dim=1)
        return length + self._longest

    def _state(self) -> Iterable[object]:
        # The order of fit breaks ties: the classes in that order tell it, the points being stably sorted by class.
        yield from (self.estimator._y, self._constant("points"))
        if "scale" in self._constants:
            yield self._constant("scale")


class NeighborsAdapter(StoredPointsAdapter):
    """KNeighborsClassifier: the class of most (weighted) votes among the k nearest, a vote tie to the lowest class.

    Which of several points at the k-th distance count depends on the estimator's search, so those rows are its own to
    decide, and so are weighted votes too close to call.

    The gradient is a surrogate's, the rule having none. With q = k // 2 + 1 points a rival class surely wins, so the
    logit of a class is minus the mean squared distance of its q nearest points (over `_spread`, the stored points' mean
    squared distance from their centre), and the training loss sets the best rival's against the true class's 2q
    nearest, more of which must recede: a stronger attack than the usual logsumexp of -d^2 / T over a class's points.
    """

    family = "knn"
    sharpness = 10.0
    """Factor of the logits in `log_probabilities`: less is farther from the estimator's, more is a weaker attack."""

    def __init__(self, estimator: Any) -> None:
        if estimator.n_neighbors > estimator.n_samples_fit_:
            raise refuse(estimator, f"{estimator.n_neighbors} neighbours of {estimator.n_samples_fit_} points")
        super().__init__(estimator)
        self._majority = estimator.n_neighbors // 2 + 1

    def log_probabilities(self, x: Tensor) -> Tensor:
        return (self.sharpness * self._logits(x)).log_softmax(1)

    def _logits(self, x: Tensor) -> Tensor:
        return -self._mean_squares(x, self._majority)[0]

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        rivals, own = self._mean_squares(x, 2 * self._majority)
        rivals = rivals.scatter(1, y[:, None], torch.inf)
        return own.gather(1, y[:, None])[:, 0] - rivals.amin(1)

    def _rough(self, x: Tensor) -> Tensor:
        return torch.full((len(x),), self._loses_neighbours, device=x.device)

    @cached_property
    def _loses_neighbours(self) -> bool:
        """Whether float32, in which squared distances are differences of squared lengths, blurs who is the nearest."""
        points = self._constant("points")
        apart = self._squares(points[:: len(points) // _ASKED + 1]).topk(min(2, len(points)), largest=False).values
        near = apart[:, -1][apart[:, -1] > 0]
        blur = 4 * torch.finfo(torch.float32).eps * self._longest**2
        return not (len(near) and blur <= ROUGH * float(near.median()))

    def _mean_squares(self, x: Tensor, wide: int) -> tuple[Tensor, Tensor]:
        """Mean squared distances, each `(N, K)`, to the `majority` and to the `wide` nearest points of every class."""
        x = self._scaled(x)
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

    def _estimated(self, x: Tensor) -> Outputs:
        if self._exponent != torch.inf:
            return self._compiled(x)
        probabilities = self._own_probabilities(x)
        labels = probabilities.argmax(1)
        if self._weighted:  # summed in another order by `predict`
            settled(labels, x, gap(probabilities) <= TOLERANCE, self._own_labels)
        return Outputs(labels, topped(probabilities, labels), probabilities)

    def _compiled(self, x: Tensor) -> Outputs:
        if x.dtype == torch.float32 and self._plain and float32_is_exact_enough():
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
            unsure |= gap(votes) <= TOLERANCE * votes.amax(1)
        labels, probabilities = votes.argmax(1), votes / votes.sum(1, keepdim=True)
        rows = unsure.nonzero()[:, 0]
        if len(rows):
            labels[rows], probabilities[rows] = self._own_labels(x[rows]), self._own_probabilities(x[rows])
        return Outputs(labels, topped(probabilities, labels), probabilities)

    def _search(self, x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """`(N, k)` indices of the nearest points in no order, and whether rounding leaves open which they are."""
        k, total = self.estimator.n_neighbors, len(self._constant("points"))
        own = torch.promote_types(x.dtype, self._precision)
        x = self._scaled(x.to(dtype))
        near = self._squares(x).topk(min(k + 1, total), dim=1, largest=False)
        if k == total:
            return near.indices, torch.zeros(len(x), dtype=torch.bool, device=x.device)
        last, next_ = near.values[:, k - 1], near.values[:, k]
        return near.indices[:, :k], ~(next_ - last > 2 * self._error(x, next_, own))

    def _weights(self, x: Tensor, nearest: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, k)` inverse distances, and the rows so close to a point that the estimator's rounding decides them."""
        x = self._scaled(x.double())
        distances = self._gathered(x, self._constant("points")[nearest])
        size = torch.linalg.vector_norm(x, ord=self._exponent, dim=1)
        return 1 / distances, distances.amin(1) <= 1e-3 * size

    def _gathered(self, x: Tensor, points: Tensor) -> Tensor:
        """`(N, M)` distances of `(N, D)` inputs to their own `(N, M, D)` points."""
        apart = x[:, None] - points
        if self._plain:
            distances: Tensor = torch.linalg.vector_norm(apart, ord=self._exponent, dim=2)
        else:  # other powers of differences far from 1 leave the numbers of a precision
            unit = apart.detach().abs().amax(2, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
            distances = unit[:, :, 0] * torch.linalg.vector_norm(apart / unit, ord=self._exponent, dim=2)
        return distances

    def structure(self, shape: tuple[int, ...]) -> Structure:
        k = self.estimator.n_neighbors
        if self._exponent != 2 or not self._plain:
            raise Unsupported("nothing is known to be proved of neighbours that are not Euclidean")
        if self._weighted and k > 1:
            raise Unsupported("nothing is known to be proved of neighbours whose votes are weighted")
        classes = tuple(range(len(self._sizes)))
        # A batch comes in float32, and then an estimator fitted on float32 rounds to it.
        single = self._precision == torch.float32
        return Neighbours(classes, self._constant("points"), self._constant("owners"), k, single)

    def _state(self) -> Iterable[object]:
        yield from (self.estimator.n_neighbors, self._exponent, self._weighted, str(self._precision))
        yield from super()._state()


def _minkowski(estimator: Any) -> tuple[float, np.ndarray | None]:
    """Exponent of a fitted estimator's metric, and what its features are to be scaled by."""
    metric, settings = estimator.effective_metric_, estimator.effective_metric_params_
    exponent, weights = METRICS.get(metric) if isinstance(metric, str) else None, None
    if metric == "minkowski":
        exponent, weights = float(settings["p"]), settings["w"]
    elif exponent is None or settings:
        raise refuse(estimator, "a callable metric" if callable(metric) else f"metric={metric!r}")
    refuse_if(exponent < 1, estimator, f"p={exponent:g}, which makes no metric")
    if estimator.metric == "minkowski" and estimator.p != exponent:
        raise refuse(estimator, "p in metric_params", "set p itself")  # some of its own code goes by the other
    if weights is None:
        return exponent, None
    refuse_if(exponent == torch.inf, estimator, "metric_params={'w'} and p=inf", "it cannot predict, scale the inputs")
    return exponent, np.asarray(weights, dtype=np.float64) ** (1 / exponent)
