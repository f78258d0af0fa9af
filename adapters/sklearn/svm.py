"""Kernel support vector machines: SVC.

For classes i < j libsvm has one decision value d_ij = sum over support vectors s of a_s K(x, s) + b_ij, positive for i.
With the dual coefficients laid out as one dense matrix A of a row a pair, `d = K(x, SV) @ A.T + b`; each pair votes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adapters.base import Outputs
from adapters.sklearn.base import SklearnAdapter, float32_is_exact_enough, refuse, sum_roundoff, topped

KERNELS = ("linear", "poly", "rbf", "sigmoid")


class SVCAdapter(SklearnAdapter):
    """SVC with its own voting rule: d_ij > 0 votes for i, else for j, and a vote tie goes to the lowest class.

    With `break_ties` (and more than two classes) the label is the first argmax of votes + s / (3 (|s| + 1)), s the sum
    of a class's signed decision values, and there d_ij = 0 votes for i.
    """

    family = "svm"
    gradient = "exact"

    def __init__(self, estimator: Any) -> None:
        """
        Raises:
            NotWrappable: a callable or precomputed kernel, a fit on sparse data, or `break_ties` with `ovo`, with which
                the estimator itself cannot predict.
        """
        if estimator.kernel not in KERNELS:
            raise refuse(estimator, "a callable kernel" if callable(estimator.kernel) else f"{estimator.kernel} kernel")
        if estimator._sparse:
            raise refuse(estimator, "a fit on sparse data", "fit it on X.toarray()")
        if estimator.break_ties and estimator.decision_function_shape == "ovo":
            raise refuse(estimator, "break_ties=True and decision_function_shape='ovo'", "it cannot predict, set 'ovr'")
        count = len(estimator.classes_)
        first, second = np.array(list(combinations(range(count), 2))).T
        vectors = torch.tensor(estimator.support_vectors_)
        super().__init__(
            estimator,
            vectors=vectors,
            squares=(vectors**2).sum(1),
            dual=torch.tensor(_dense_dual(estimator, first, second)),
            bias=torch.tensor(estimator._intercept_),
            first=torch.tensor(np.eye(count)[first]),
            second=torch.tensor(np.eye(count)[second]),
        )
        self._kernel, self._gamma = str(estimator.kernel), float(estimator._gamma)
        self._degree, self._coef0 = int(estimator.degree), float(estimator.coef0)
        self._breaks_ties = bool(estimator.break_ties) and count > 2
        if count == 2:
            self.decision = "exact"
        # The estimator has the method only where `probability` is set, and the Platt parameters where it was in `fit`.
        if hasattr(estimator, "predict_proba") and estimator._probA.size:
            self.confidence_kind = "calibrated"

    def soft_decision(self, x: Tensor) -> Tensor:
        return -self._decisions(x)

    def _logits(self, x: Tensor) -> Tensor:
        """Each class's sum of signed decision values."""
        return self._decisions(x) @ (self._constant("first", x.dtype) - self._constant("second", x.dtype))

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """That of the true class's weakest pair, -min_j d_yj, the first to lose it a vote; for a linear kernel, margin.

        FGSM error at .1 / .25 on MNIST (rbf on 10,000 examples, others on 5,000; 1000 images): weakest pair rbf 49.5 /
        96.6%, poly 34.2 / 83.7%, sigmoid 66.3 / 97.0%, linear 68.9 / 98.5%; margin of the logits rbf 44.5 / 98.7%, poly
        31.9 / 88.5%, sigmoid 62.6 / 98.1%, linear 82.1 / 99.9%; their cross entropy rbf 42.3 / 98.1%, linear 80.0 /
        99.7%. Pointwise the weakest pair and the margin together are the strongest.
        """
        if self._kernel == "linear":
            return self.loss(x, y, "margin")
        sign = (self._constant("first", x.dtype) - self._constant("second", x.dtype)).T[y]
        own = torch.where(sign == 0, torch.inf, self._decisions(x) * sign)
        return -own.amin(1)

    def _compiled(self, x: Tensor) -> Outputs:
        if x.dtype == torch.float32 and float32_is_exact_enough():
            decisions, unsure = self._decide(x)
            if len(unsure):
                decisions[unsure], still = self._decide(x[unsure].double())
                unsure = unsure[still]
        else:
            decisions, unsure = self._decide(x.double())
        labels, scores = self._vote(decisions)
        if len(unsure):
            labels[unsure] = self._own_labels(x[unsure])
        return Outputs(labels, topped(scores, labels), self._own_probabilities(x) if self.confidence_kind else None)

    def _decide(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, P)` float64 decision values computed in the precision of `x`, and the rows whose label they leave open.

        A row is open where some decisions, moved within their error, would make another class win.
        """
        kernel = self._kernel_values(x)
        decisions = self._combine(kernel).double()
        error = self._rounding(x, kernel).double()
        first, second = self._constant("first"), self._constant("second")
        sure = decisions.abs() > error
        low = (sure & (decisions > 0)).double() @ first + (sure & (decisions < 0)).double() @ second
        high = low + (~sure).double() @ (first + second)
        if self._breaks_ties:
            sums, reach = decisions @ (first - second), error @ (first + second)
            low, high = low + _squashed(sums - reach), high + _squashed(sums + reach)
        else:  # below one vote, and in favour of the lower class
            order = torch.linspace(0.5, 0, low.shape[1], dtype=low.dtype, device=low.device)
            low, high = low + order, high + order
        best, winner = low.max(1, keepdim=True)
        rival = high.scatter(1, winner, -torch.inf).amax(1, keepdim=True)
        return decisions, (~(best > rival)).nonzero()[:, 0]

    def _vote(self, decisions: Tensor) -> tuple[Tensor, Tensor]:
        """`(N,)` labels and `(N, K)` scores from `(N, P)` decision values."""
        first, second = self._constant("first"), self._constant("second")
        for_first = decisions >= 0 if self._breaks_ties else decisions > 0
        votes = for_first.double() @ first + (~for_first).double() @ second
        scores = votes + _squashed(decisions @ (first - second))
        return (scores if self._breaks_ties else votes).argmax(1), scores

    def _decisions(self, x: Tensor) -> Tensor:
        """`(N, P)` differentiable decision values."""
        return self._combine(self._kernel_values(x, alive=True))

    def _combine(self, kernel: Tensor) -> Tensor:
        return kernel @ self._constant("dual", kernel.dtype).T + self._constant("bias", kernel.dtype)

    def _kernel_values(self, x: Tensor, alive: bool = False) -> Tensor:
        """`(N, S)` kernel between inputs and support vectors.

        `alive` is for gradients: an input so far from all support vectors that exp(-gamma t) leaves nothing of the
        decision but its bias meets a kernel widened until something is left, else its gradient would be zero.
        """
        vectors = self._constant("vectors", x.dtype)
        products = x @ vectors.T
        if self._kernel == "linear":
            return products
        if self._kernel == "poly":
            return (self._gamma * products + self._coef0) ** self._degree
        if self._kernel == "sigmoid":
            return (self._gamma * products + self._coef0).tanh()
        squares = (x * x).sum(1, keepdim=True) + self._constant("squares", x.dtype) - 2 * products
        exponent = -self._gamma * squares
        if alive:
            floor = exponent.new_tensor(0.35 * math.log(torch.finfo(x.dtype).tiny))
            exponent = exponent * (floor / torch.minimum(exponent.detach().amax(1, keepdim=True), floor))
        return exponent.exp()

    def _rounding(self, x: Tensor, kernel: Tensor) -> Tensor:
        """`(N, P)` bound on how far the decision values, and libsvm's own, can be from the exact ones.

        By Cauchy-Schwarz a product x.s is off by at most gamma_D |x| |s|, and the kernel by its slope times that.
        """
        weight, share = self._constant("dual", x.dtype).abs(), sum_roundoff(x.shape[1], x.dtype)
        norms, lengths = x.norm(dim=1, keepdim=True), self._constant("squares", x.dtype).sqrt()
        if self._kernel == "rbf":
            slack = kernel * torch.expm1(self._gamma * share * (norms + lengths) ** 2) + torch.finfo(x.dtype).tiny
        elif self._kernel == "linear":
            slack = share * norms * lengths
        else:
            off = share * (self._gamma * norms * lengths + abs(self._coef0))
            slack = off
            if self._kernel == "poly":
                argument = kernel.abs() ** (1 / max(self._degree, 1))
                slack = self._degree * off * (argument + off) ** max(self._degree - 1, 0)
        slack = slack + sum_roundoff(weight.shape[1], x.dtype) * kernel.abs()
        return 2 * (slack @ weight.T + share * self._constant("bias", x.dtype).abs())

    def _state(self) -> Iterable[object]:
        yield from (self._kernel, self._gamma, self._degree, self._coef0, self._breaks_ties)
        yield from (self._constant("vectors"), self._constant("dual"), self._constant("bias"))
        if self.confidence_kind:
            yield from (self.estimator._probA, self.estimator._probB)


def _dense_dual(estimator: Any, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """`(P, S)` dual coefficients of every pair: those of class i for rival j are in row j - 1, of class j in row i."""
    ends = np.cumsum(estimator.n_support_)
    dense = np.zeros((len(first), len(estimator.support_vectors_)))
    for row, i, j in zip(dense, first, second, strict=True):
        of_i, of_j = (slice(ends[k] - estimator.n_support_[k], ends[k]) for k in (i, j))
        row[of_i], row[of_j] = estimator._dual_coef_[j - 1, of_i], estimator._dual_coef_[i, of_j]
    return dense


def _squashed(sums: Tensor) -> Tensor:
    """Monotone, within a third of a vote: scikit-learn's tie-break in `_ovr_decision_function`."""
    return sums / (3 * (sums.abs() + 1))
