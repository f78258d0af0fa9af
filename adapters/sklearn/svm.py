"""Kernel support vector machines: SVC and NuSVC.

For classes i < j libsvm has one decision value d_ij = sum over support vectors s of a_s K(x, s) + b_ij, positive for i;
each pair votes. Only the vectors of i and j have coefficients in it, so that each vector has one for every rival of its
class: the values are summed up class by class, see `pairs.py`, where they also get their layout as a square.

Probabilities are by Platt's scaling, see `platt.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adapters.base import Outputs
from adapters.compiled import AGREEMENT, SklearnAdapter, refuse, refuse_if, settled
from adapters.precision import loses_direction
from adapters.rounding import float32_is_exact_enough, margin_against, sum_roundoff, topped, undecided
from adapters.sklearn.pairs import both_sides, by_rival, dense, in_pairs, others, squared, squashed, upper
from adapters.sklearn.platt import best_fit, iterated, square
from adapters.sklearn.svm_opened import opened
from adapters.structures.base import Structure

KERNELS = ("linear", "poly", "rbf", "sigmoid")

_DENSE = 2**26
"""Up to so many bytes the coefficients are told to the fingerprint with a row a pair: as they were when it was made."""

_ASKED = 32
"""At so many support vectors gradients are compared."""

_LEAST = 1e-7
"""libsvm keeps pairwise probabilities this far from 0 and 1."""


class SVCAdapter(SklearnAdapter):
    """SVC or NuSVC with its own voting rule: d_ij > 0 votes for i, else for j, a vote tie going to the lowest class.

    With `break_ties` (and more than two classes) the label is the first argmax of votes + s / (3 (|s| + 1)), s the sum
    of a class's signed decision values, and there d_ij = 0 votes for i. That is also `decision_function` of the shape
    `ovr`; its stand-in for gradients counts soft votes.
    """

    family = "svm"
    gradient = "exact"
    softness = 1.0
    """Decision value at which a pair gives three quarters of its soft vote to one side."""

    def __init__(self, estimator: Any) -> None:
        if estimator.kernel not in KERNELS:
            raise refuse(estimator, "a callable kernel" if callable(estimator.kernel) else f"{estimator.kernel} kernel")
        refuse_if(estimator._sparse, estimator, "a fit on sparse data", "fit it on X.toarray()")
        if estimator.break_ties and estimator.decision_function_shape == "ovo":
            raise refuse(estimator, "break_ties=True and decision_function_shape='ovo'", "it cannot predict, set 'ovr'")
        count = len(estimator.classes_)
        if len(estimator.n_support_) < count:
            raise refuse(estimator, "sample weights that leave out a whole class", "fit it without that class")
        vectors = torch.tensor(estimator.support_vectors_)
        super().__init__(
            estimator,
            vectors=vectors,
            squares=(vectors**2).sum(1),
            dual=torch.tensor(by_rival(estimator._dual_coef_, estimator.n_support_)),
            bias=squared(torch.tensor(estimator._intercept_)[None], count)[0],
            signs=upper(count).double(),
        )
        self._sizes = estimator.n_support_.tolist()
        self._kernel, self._gamma = str(estimator.kernel), float(estimator._gamma)
        self._degree, self._coef0 = int(estimator.degree), float(estimator.coef0)
        self._breaks_ties = bool(estimator.break_ties) and count > 2
        if count == 2:
            self.decision = "exact"
        elif estimator.decision_function_shape == "ovr":
            self.decision = "surrogate"
        # The estimator has the method only where `probability` is set, and the Platt parameters where it was in `fit`.
        if hasattr(estimator, "predict_proba") and estimator._probA.size:
            self.confidence_kind = "calibrated"
            self.probability = "surrogate"
            self._constants |= {"slope": torch.tensor(estimator._probA), "offset": torch.tensor(estimator._probB)}

    def soft_decision(self, x: Tensor) -> Tensor:
        """Of two classes the decision function; of more, soft votes plus the squashed sum of signed decision values.

        The share of a vote is (1 + z / (1 + |z|)) / 2, z = d / `softness`.
        """
        if self.decision == "none":
            return super().soft_decision(x)
        decisions = self._decisions(x)
        if self.decision == "exact":
            return decisions[:, 1, :1]
        leaning = decisions / (self.softness + decisions.abs())
        return (leaning.sum(2) + len(self._sizes) - 1) / 2 + squashed(decisions.sum(2))

    def decision_values(self, x: Tensor) -> Tensor:
        return super().decision_values(x) if self.decision == "none" else self.bounded_decision(x)[0]

    def bounded_decision(self, x: Tensor) -> tuple[Tensor, Tensor]:
        decisions, error = self._bounded(x.double())
        if self.decision == "exact":
            return decisions[:, 1, :1], error[:, 1, :1]
        values = self._ranked(decisions, self._wins(decisions, first_takes_ties=True))
        close = ~(decisions.abs() > error) & others(len(self._sizes), x.device)
        values = settled(values, x, close.flatten(1).any(1), self._own_decision)
        return values, error.sum(2) / 3 + torch.finfo(values.dtype).eps * values.abs()  # no steeper is the squashing

    def log_probabilities(self, x: Tensor) -> Tensor:
        """Logarithm of the probabilities that fit all pairs best, which libsvm's iteration stops short of.

        It stops where no component of the gradient is above 0.005 / K: up to about 0.01 beside the best fit.
        """
        if self.probability == "none":
            return super().log_probabilities(x)
        logits = self._pair_logits(self._decisions(x).double())
        # Where libsvm clips, at log-odds of 16, they grow on by their logarithm: their gradient lasts, and the system
        # of equations keeps the digits of the least probability.
        clip = math.log(1 / _LEAST - 1)
        logits = logits.clamp(-clip, clip) + logits.sign() * (logits.abs() - clip).relu().log1p()
        return best_fit(square(logits.sigmoid(), (-logits).sigmoid())).to(x.dtype)

    def _logits(self, x: Tensor) -> Tensor:
        """Each class's sum of signed decision values."""
        return self._decisions(x).sum(2)

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        """That of the true class's weakest pair, -min_j d_yj, first to lose a vote; of a linear kernel the margin."""
        if self._kernel == "linear":
            return margin_against(self._logits(x), y)
        own = self._decisions(x)[torch.arange(len(x), device=x.device), y]
        return -own.scatter(1, y[:, None], torch.inf).amin(1)

    def _rough(self, x: Tensor) -> Tensor:
        return torch.full((len(x),), self._loses_direction, device=x.device)

    @cached_property
    def _loses_direction(self) -> bool:
        """Whether float32 loses gradients: asked at some support vectors and halfway between them."""
        vectors = self._constant("vectors")
        some = vectors[:: len(vectors) // _ASKED + 1]
        return loses_direction(self._logits, torch.cat([some, (some + some.roll(1, 0)) / 2]))

    def _compiled(self, x: Tensor) -> Outputs:
        probabilities = None
        if self.confidence_kind:  # calls for float64
            decisions, error = self._bounded(x.double())
            unsure = self._open(decisions, error)
            probabilities = self._coupled(x, decisions, error)
        elif x.dtype == torch.float32 and float32_is_exact_enough():
            decisions, unsure = self._decide(x)
            if len(unsure):
                decisions[unsure], still = self._decide(x[unsure].double())
                unsure = unsure[still]
        else:
            decisions, unsure = self._decide(x.double())
        labels, scores = self._vote(decisions)
        labels = settled(labels, x, unsure, self._own_labels)
        return Outputs(labels, topped(scores, labels), probabilities)

    def _decide(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, K, K)` float64 decision values computed in the precision of `x`, and the rows that they leave open."""
        decisions, error = self._bounded(x)
        return decisions, self._open(decisions, error)

    def _bounded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`(N, K, K)` float64 decision values computed in the precision of `x`, and a bound on their error."""
        kernel = self._kernel_values(x)
        return self._combine(kernel).double(), self._rounding(x, kernel).double()

    def _open(self, decisions: Tensor, error: Tensor) -> Tensor:
        """Rows where some decisions, moved within their error, would make another class win."""
        unsure = ~(decisions.abs() > error) & others(len(self._sizes), decisions.device)
        low = ((decisions > 0) & ~unsure).sum(2).double()
        high = low + unsure.sum(2)
        if self._breaks_ties:
            sums, reach = decisions.sum(2), error.sum(2)
            low, high = low + squashed(sums - reach), high + squashed(sums + reach)
        else:  # below one vote, and in favour of the lower class
            order = torch.linspace(0.5, 0, low.shape[1], dtype=low.dtype, device=low.device)
            low, high = low + order, high + order
        return undecided(low, high)

    def _vote(self, decisions: Tensor) -> tuple[Tensor, Tensor]:
        """`(N,)` labels and `(N, K)` scores from `(N, K, K)` decision values."""
        wins = self._wins(decisions, first_takes_ties=self._breaks_ties)
        scores = self._ranked(decisions, wins)
        return (scores if self._breaks_ties else wins.sum(2)).argmax(1), scores

    def _wins(self, decisions: Tensor, first_takes_ties: bool) -> Tensor:
        """`(N, K, K)` whether a class has the vote of its pair with another; of ties the first class or the second."""
        takes = self._constant("signs") > 0 if first_takes_ties else self._constant("signs") < 0
        return (decisions > 0) | ((decisions == 0) & takes)

    def _ranked(self, decisions: Tensor, wins: Tensor) -> Tensor:
        """`(N, K)` votes with their ties broken by the sums of signed decision values."""
        return wins.sum(2) + squashed(decisions.sum(2))

    def _pair_logits(self, decisions: Tensor) -> Tensor:
        """`(N, P)` log-odds of r_ij."""
        return -(self._constant("slope") * in_pairs(decisions) + self._constant("offset"))

    def _coupled(self, x: Tensor, decisions: Tensor, error: Tensor) -> Tensor:
        """`(N, K)` probabilities as libsvm's iteration leaves them; where it might stop a round earlier, its own."""
        first = self._pair_logits(decisions).sigmoid().clamp(_LEAST, 1 - _LEAST)
        slack = 1e-10 + 10 * (self._constant("slope").abs() * in_pairs(error)).amax(1)
        probabilities, near_stop = iterated(square(first, 1 - first), slack)
        return settled(probabilities, x, near_stop | ~(slack < AGREEMENT), self._own_probabilities)

    def _decisions(self, x: Tensor) -> Tensor:
        """`(N, K, K)` differentiable decision values, d_ij from the side of i in row i and column j."""
        return self._combine(self._kernel_values(x, alive=True))

    def _combine(self, kernel: Tensor) -> Tensor:
        sums = both_sides(kernel, self._constant("dual", kernel.dtype), self._sizes)
        return sums * self._constant("signs", kernel.dtype) + self._constant("bias", kernel.dtype)

    def _weighed(self, values: Tensor) -> Tensor:
        """`(N, K, K)` sums of `(N, S)` values times the sizes of the coefficients of a pair."""
        return both_sides(values, self._constant("dual", values.dtype).abs(), self._sizes)

    def _kernel_values(self, x: Tensor, alive: bool = False) -> Tensor:
        """`(N, S)` kernel between inputs and support vectors.

        `alive` is for gradients: for an input so far from all support vectors that exp(-gamma t) leaves nothing of the
        decision but its bias, all of them are as much nearer as leaves something. That is one factor on the row, which
        the direction of its gradient does not depend on.
        """
        vectors = self._constant("vectors", x.dtype)
        if self._kernel == "rbf":  # the product brings gamma and the factor 2 along: no pass over N x S values for each
            lengths = (x * x).sum(1, keepdim=True) + self._constant("squares", x.dtype)
            exponent = torch.addmm(lengths, x, vectors.T, beta=-self._gamma, alpha=2 * self._gamma)
            if alive:
                floor = exponent.new_tensor(0.35 * math.log(torch.finfo(x.dtype).tiny))
                exponent = exponent + (floor - exponent.detach().amax(1, keepdim=True)).clamp_min(0)
            return exponent.exp()
        products = x @ vectors.T
        if self._kernel == "linear":
            return products
        if self._kernel == "poly":
            return (self._gamma * products + self._coef0) ** self._degree
        return (self._gamma * products + self._coef0).tanh()

    def _rounding(self, x: Tensor, kernel: Tensor) -> Tensor:
        """`(N, K, K)` bound on how far the decision values, and libsvm's own, can be from the exact ones.

        By Cauchy-Schwarz a product x.s is off by at most gamma_D |x| |s|, and the kernel by its slope times that.
        """
        share, tiny = sum_roundoff(x.shape[1], x.dtype), torch.finfo(x.dtype).tiny
        norms, lengths = x.norm(dim=1, keepdim=True), self._constant("squares", x.dtype).sqrt()
        summing, bias = sum_roundoff(len(lengths), x.dtype), share * self._constant("bias", x.dtype).abs()
        if self._kernel == "rbf":  # of the longest support vector for all: one factor a row, in place of one a kernel
            factor = torch.expm1(self._gamma * share * (norms + lengths.amax()) ** 2) + summing
            return 2 * (
                factor[:, :, None] * self._weighed(kernel)
                + tiny * self._weighed(kernel.new_ones(1, len(lengths)))
                + bias
            )
        if self._kernel == "linear":
            slack: Tensor = share * norms * lengths
        else:
            off = share * (self._gamma * norms * lengths + abs(self._coef0))
            slack = off
            if self._kernel == "poly":
                argument = kernel.abs() ** (1 / max(self._degree, 1))
                slack = self._degree * off * (argument + off) ** max(self._degree - 1, 0)
        return 2 * (self._weighed(slack + summing * kernel.abs()) + bias)

    def structure(self, shape: tuple[int, ...]) -> Structure:
        return opened(
            self._constant("vectors").cpu(), self._constant("dual").cpu(), self._constant("bias").cpu(), self._sizes,
            kernel=self._kernel, gamma=self._gamma, coef0=self._coef0, degree=self._degree,
            breaks_ties=self._breaks_ties,
        )  # fmt: skip

    def _state(self) -> Iterable[object]:
        yield from (self._kernel, self._gamma, self._degree, self._coef0, self._breaks_ties)
        table, bias = self._constant("dual").cpu().numpy(), self._constant("bias")
        pairs = len(self._sizes) * (len(self._sizes) - 1) // 2
        if pairs * len(table) * table.itemsize <= _DENSE:
            table = dense(table, np.array(self._sizes))
        yield from (self._constant("vectors"), table, in_pairs(bias[None])[0])
        if self.confidence_kind:
            yield from (self.estimator._probA, self.estimator._probB)
