"""What all compiled scikit-learn estimators share.

*The estimator's own label* of an input is what `estimator.predict` says of the array as it is given: a float32 batch
stays float32, and the estimator casts as it always does (SVC to float64, trees to float32, a linear model to the wider
of the batch and its weights).

Compiled arithmetic sums in another order than the estimator's, so it can only be trusted where the margin exceeds the
rounding error. Where it does not, float32 results are computed again in float64, and what float64 leaves open too
(exact ties, in practice) the estimator itself decides.

*Two ways to the same outputs.* `_compiled` computes them with tensors, on any device. On the CPU an adapter may ask the
estimator instead (`_estimated`), where that is the faster.

*Parts.* An estimator made of others (a pipeline, a vote, one-vs-rest) is an adapter made of adapters. What it may ask
of a part is `outputs`, `decision_values`, and the differentiable `soft_decision` and `log_probabilities`.
"""

from __future__ import annotations

import copy
import importlib
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from scipy import sparse
from sklearn.utils import get_tags
from torch import Tensor

from adapters.base import Adapter, GradientKind, Loss, Outputs
from adapters.errors import BLACK_BOX, NotWrappable, Unsupported
from adapters.precision import in_either
from adapters.rounding import log_odds_against, margin_against

AGREEMENT = 1e-6
"""How far compiled probabilities, and decision values relative to their size, may be from the estimator's own."""

AttackLoss = Literal["log-odds", "margin"]
Container = Literal["array", "columns", "sparse", "table"]


class SklearnAdapter(Adapter):
    """A fitted scikit-learn classifier and the tensors it was compiled to.

    A subclass implements `_compiled` and `_state`; `_logits` where it has a gradient; and of `_estimated`,
    `soft_decision` (with `decision_values`) and `log_probabilities` what its estimator has. Its `__init__` takes the
    fitted estimator and raises `NotWrappable` for what it does not compile, see `refuse`.
    """

    bystanders: ClassVar[frozenset[str]] = Adapter.bystanders | {"estimator", "_casts"}
    decision: GradientKind = "none"
    """What `soft_decision` is to the estimator's `decision_function`: the same, a stand-in, or there is none."""
    probability: GradientKind = "none"
    """What `log_probabilities` is to the estimator's `predict_proba`: the same, a stand-in, or there is none."""
    container: Container = "array"
    """What the estimator is asked with, for it sums in another order in each: a C-ordered array; behind transformers
    that give a Fortran-ordered one or a sparse matrix, that; where columns are picked by name, a table with those."""
    jumps: bool = False
    """Whether the smallest change of an input can change outputs by much, as at the thresholds of a tree."""
    recodes: bool = False
    """Whether the estimator is asked with other numbers than the batch holds: codes in place of categories."""
    attacked_by: AttackLoss = "log-odds"
    """The training loss: the log-odds against the label, of the direction of the cross entropy and never vanishing as
    that does; or the margin, which is the stronger where scores have no scale for a cross entropy to go by."""
    agreement: float = AGREEMENT
    """How far `probabilities` and `decision_values` may be from the estimator's own; 0 where they are the same bits."""

    def __init__(self, estimator: Any, **constants: Tensor) -> None:
        """Take a fitted classifier with one output, and the compiled tensors by name."""
        super().__init__(input_shape=(int(estimator.n_features_in_),), classes=estimator.classes_.tolist())
        self.estimator = copy.deepcopy(estimator)  # some fits write into their arrays: the owner's next one is not ours
        self.takes_missing = takes_missing(estimator)
        self._constants = constants
        self._casts: dict[tuple[str, torch.dtype], Tensor] = {}

    # -- what a subclass says -----------------------------------------------------------------------------------------

    def _compiled(self, x: Tensor) -> Outputs:
        """Outputs by tensor arithmetic, on the device of `x`; rows too close to call are the estimator's to decide."""
        raise NotImplementedError

    def _estimated(self, x: Tensor) -> Outputs:
        """Outputs of a batch on the CPU, by the estimator's own code where that is the faster."""
        return self._compiled(x)

    def soft_decision(self, x: Tensor) -> Tensor:
        """`(N, K)`, or `(N, 1)` where there are two classes: differentiable `decision_function`."""
        raise Unsupported(f"{self.family} has no decision function")

    def decision_values(self, x: Tensor) -> Tensor:
        """`(N, K)` or `(N, 1)` float64 values of the estimator's `decision_function`, to `AGREEMENT`."""
        return self.soft_decision(x.double())

    def bounded_decision(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`decision_values`, and a bound on how far each is from the estimator's own: `AGREEMENT`, or less if known."""
        values = self.decision_values(x)
        return values, self.agreement * (1 + values.abs())

    def log_probabilities(self, x: Tensor) -> Tensor:
        """`(N, K)` differentiable logarithm of `predict_proba`, finite and with a gradient where that underflows."""
        if self.probability == "none":
            raise Unsupported(f"{self.family} has no probabilities")
        return self._logits(x).log_softmax(1)

    def _rough(self, x: Tensor) -> Tensor:
        """`(N,)` which float32 inputs are attacked in float64: all, or those where float32 loses the gradient."""
        return torch.ones(len(x), dtype=torch.bool, device=x.device)

    # -- what they share ----------------------------------------------------------------------------------------------

    def logits(self, x: Tensor) -> Tensor:
        return self._in_precision(self._shaped(x), lambda part, _: self._logits(part))

    def loss(self, x: Tensor, y: Tensor, kind: Loss = "training") -> Tensor:
        ask = super().loss
        return self._in_precision(self._shaped(x), lambda part, rows: ask(part, y[rows], kind))

    def _in_precision(self, x: Tensor, of: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """What `of` makes of inputs and their places, in the precision that its gradient needs."""
        if x.dtype != torch.float32:
            return of(x, torch.arange(len(x), device=x.device))
        with torch.no_grad():
            rough = self._rough(x)
        return in_either(x, rough, of)

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        if self.attacked_by == "margin":
            return margin_against(self._logits(x), y)
        return log_odds_against(self._logits(x), y)

    def _outputs(self, x: Tensor) -> Outputs:
        return self._estimated(x) if x.device.type == "cpu" else self._compiled(x)

    def reference_predict(self, x: Tensor) -> Tensor:
        """`(N,)` labels by the estimator's own `predict`."""
        return self._own_labels(self._shaped(x))

    def _constant(self, name: str, dtype: torch.dtype | None = None) -> Tensor:
        """A compiled tensor, in `dtype` if given; casts are kept, as one is needed in every batch."""
        if dtype is None or self._constants[name].dtype == dtype:
            return self._constants[name]
        if (name, dtype) not in self._casts:
            self._casts[name, dtype] = self._constants[name].to(dtype)
        return self._casts[name, dtype]

    def _own_labels(self, x: Tensor) -> Tensor:
        """`(N,)` class indices by the estimator's own `predict`, on the device of `x`."""
        labels = np.searchsorted(self.estimator.classes_, self._ask("predict", x))
        return torch.as_tensor(labels, dtype=torch.int64, device=x.device)

    def _own_probabilities(self, x: Tensor) -> Tensor:
        """`(N, K)` float64 probabilities by the estimator's own `predict_proba`, on the device of `x`."""
        return self._numbers_of("predict_proba", x)

    def _own_decision(self, x: Tensor) -> Tensor:
        """`(N, K)` or `(N, 1)` float64 values of the estimator's own `decision_function`, on the device of `x`."""
        values = self._numbers_of("decision_function", x)
        return values[:, None] if values.ndim == 1 else values

    def _numbers_of(self, method: str, x: Tensor) -> Tensor:
        """What a method of the estimator says of a batch, in float64, on the device of `x`."""
        return torch.as_tensor(self._ask(method, x), dtype=torch.float64, device=x.device)

    def _ask(self, method: str, x: Tensor, **options: Any) -> np.ndarray:
        """What a method of the estimator says of a batch."""
        with unnamed():
            return np.asarray(getattr(self.estimator, method)(self._as_input(x), **options))

    def _as_input(self, x: Tensor) -> Any:
        """`x` as the estimator takes it."""
        if self.container == "columns":
            return np.asfortranarray(x.detach().cpu().numpy())
        array = as_array(x)
        if self.container == "sparse":
            return as_sparse(array)
        if self.container == "table":
            return importlib.import_module("pandas").DataFrame(array, columns=self.estimator.feature_names_in_)
        return array


def settled(values: Tensor, x: Tensor, rows: Tensor, own: Callable[[Tensor], Tensor]) -> Tensor:
    """`(N, ...)` values with those of the `rows`, `(M,)` indices or an `(N,)` mask, that rounding leaves open, set in
    place to what `own` says of their inputs, by the estimator's own code.
    """
    if rows.dtype == torch.bool:
        rows = rows.nonzero()[:, 0]
    if len(rows):
        values[rows] = own(x[rows])
    return values


def refuse(estimator: Any, what: str, remedy: str = BLACK_BOX) -> NotWrappable:
    """The error for a fitted estimator with a setting that is not compiled."""
    return NotWrappable(f"{type(estimator).__name__} with {what} is not compiled; {remedy}")


def refuse_if(holds: object, estimator: Any, what: str, remedy: str = BLACK_BOX) -> None:
    """Raise that error if this holds of the estimator."""
    if holds:
        raise refuse(estimator, what, remedy)


@contextmanager
def unnamed() -> Iterator[None]:
    """Hear no warning from an estimator that was fitted on a table with named columns and would rather have one."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        yield


def takes_missing(estimator: Any) -> bool:
    """Whether an estimator says by its tags that NaN stands for a missing value."""
    try:
        return bool(get_tags(estimator).input_tags.allow_nan)
    except AttributeError:  # a class of another library, without tags
        return False


def as_array(x: Tensor) -> np.ndarray:
    """`x` as scikit-learn takes it: a C-ordered array of the same precision."""
    return np.ascontiguousarray(x.detach().cpu().numpy())


def as_sparse(array: np.ndarray) -> sparse.csr_matrix:
    """A CSR matrix of a C-ordered array, in a third of the time that SciPy's own way takes."""
    given = array != 0
    places = np.flatnonzero(given)
    starts = np.append(0, np.cumsum(np.count_nonzero(given, axis=1)))
    return sparse.csr_matrix((array.ravel()[places], places % array.shape[1], starts), shape=array.shape)
