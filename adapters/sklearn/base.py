"""What all compiled scikit-learn estimators share.

*The estimator's own label* of an input is what `estimator.predict` says of the array as it is given: a float32 batch
stays float32, and the estimator casts as it always does (SVC to float64, trees to float32, a linear model to the wider
of the batch and its weights).

Compiled arithmetic sums in another order than the estimator's, so it can only be trusted where the margin exceeds the
rounding error. Where it does not, float32 results are computed again in float64, and what float64 leaves open too
(exact ties, in practice) the estimator itself decides.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adapters.base import Adapter
from adapters.errors import NotWrappable


class SklearnAdapter(Adapter):
    """A fitted scikit-learn classifier and the tensors it was compiled to."""

    def __init__(self, estimator: Any, **constants: Tensor) -> None:
        """
        Args:
            estimator: fitted classifier with one output.
            constants: the compiled tensors, by name.

        Raises:
            NotWrappable: the estimator knows one class only.
        """
        if len(estimator.classes_) < 2:
            raise NotWrappable(f"{type(estimator).__name__} was fitted on one class; there is nothing to tell apart")
        super().__init__(input_shape=(int(estimator.n_features_in_),), classes=estimator.classes_.tolist())
        self.estimator = copy.copy(estimator)  # so that setting or fitting the owner's again changes nothing here
        self._constants = constants
        self._casts: dict[tuple[str, torch.dtype], Tensor] = {}

    def reference_predict(self, x: Tensor) -> Tensor:
        """`(N,)` labels by the estimator's own `predict`."""
        return self._own_labels(self._shaped(x))

    def _move(self, device: torch.device) -> None:
        self._constants = {name: tensor.to(device) for name, tensor in self._constants.items()}
        self._casts.clear()

    def _constant(self, name: str, dtype: torch.dtype | None = None) -> Tensor:
        """A compiled tensor, in `dtype` if given; casts are kept, as one is needed in every batch."""
        if dtype is None or self._constants[name].dtype == dtype:
            return self._constants[name]
        if (name, dtype) not in self._casts:
            self._casts[name, dtype] = self._constants[name].to(dtype)
        return self._casts[name, dtype]

    def _own_labels(self, x: Tensor) -> Tensor:
        """`(N,)` class indices by the estimator's own `predict`, on the device of `x`."""
        labels = np.searchsorted(self.estimator.classes_, self.estimator.predict(as_array(x)))
        return torch.as_tensor(labels, dtype=torch.int64, device=x.device)

    def _own_probabilities(self, x: Tensor) -> Tensor:
        """`(N, K)` float64 probabilities by the estimator's own `predict_proba`, on the device of `x`."""
        return torch.as_tensor(self.estimator.predict_proba(as_array(x)), dtype=torch.float64, device=x.device)


def refuse(
    estimator: Any, what: str, remedy: str = 'use adapters.black_box(model.predict, version="1")'
) -> NotWrappable:
    """The error for a fitted estimator with a setting that is not compiled."""
    return NotWrappable(f"{type(estimator).__name__} with {what} is not compiled; {remedy}")


def as_array(x: Tensor) -> np.ndarray:
    """`x` as scikit-learn takes it: a C-ordered array of the same precision."""
    return np.ascontiguousarray(x.detach().cpu().numpy())


def topped(scores: Tensor, labels: Tensor) -> Tensor:
    """`(N, K)` scores whose first argmax is the label: where it is not, the label's score is lifted just above the top.

    The rules that scores alone do not tell (vote ties, rounding) move a label between classes of nearly equal score.
    """
    wrong = (scores.argmax(1) != labels).nonzero()[:, 0]
    if len(wrong):
        scores = scores.clone()
        scores[wrong, labels[wrong]] = torch.nextafter(scores[wrong].amax(1), scores.new_tensor(torch.inf))
    return scores


def log_odds_against(logits: Tensor, y: Tensor) -> Tensor:
    """`(N,)` log-odds against class `y`: logsumexp of the rivals' logits minus the logit of `y`.

    Cross entropy is the softplus of this, so both have gradients of one direction. Cross entropy's vanishes in float32
    as soon as the model is sure; this one's does not.
    """
    own = logits.gather(1, y[:, None])
    rivals = logits.scatter(1, y[:, None], -torch.inf)
    return rivals.logsumexp(1) - own[:, 0]


def sum_roundoff(terms: int, *dtypes: torch.dtype) -> float:
    """Relative error bound of a sum of `terms` products in the coarsest of `dtypes`, in any order of summation.

    Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1: gamma_n = n u / (1 - n u); the few
    operations around the sum are allowed for by counting eight more terms.
    """
    unit = max(torch.finfo(dtype).eps for dtype in dtypes) / 2
    return (terms + 8) * unit / (1 - (terms + 8) * unit)


def float32_is_exact_enough() -> bool:
    """Whether float32 products are IEEE ones: with TF32 or bfloat16 switched on no error bound here would hold."""
    try:
        return torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # set through torch's newer switches, one for each backend: it is not "highest" for all
        return False
