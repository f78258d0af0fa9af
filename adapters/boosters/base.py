"""What the compiled boosting libraries share: who decides the inputs that are too close to call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from adapters.base import Outputs
from adapters.errors import Unsupported
from adapters.rounding import gap, sum_roundoff, topped, two_sided
from adapters.structures.base import Structure
from adapters.trees.arrays import Float, Floats, TreeArrays
from adapters.trees.boosted import BoostedTrees


class BoosterAdapter(BoostedTrees):
    """A library's boosted trees: the first largest raw score, or class 1 of two where its raw score is above 0.

    Leaves are the library's to the last bit. The order in which it adds their values changes from version to version,
    so labels of compiled sums are trusted only where the margin exceeds the rounding error of any order; and labels of
    the library's own sums where it exceeds what its link (exponentials, divisions) may round away. Other rows are the
    estimator's to decide.
    """

    roundings: int = 1
    """How many roundings each tree takes in the library's own sum."""
    link_roundoff: ClassVar[float] = 1e-12
    """How far apart raw scores can be whose probabilities the library still rounds to the same number."""
    raw_options: ClassVar[dict[str, Any]]
    """With what the library's `predict` returns raw scores."""
    _sharpness: float = 1.0
    """What raw scores are multiplied by before the link."""
    _one_vs_rest: bool = False
    """Whether probabilities are a sigmoid of each class's raw score, not their softmax."""

    def __init__(self, estimator: Any, trees: list[TreeArrays], start: Floats, precision: Float = np.float32) -> None:
        super().__init__(estimator, trees, start, precision)
        if self._one_vs_rest:
            self.confidence_kind = "sigmoid"
        largest = np.array([np.abs(tree.value[~tree.is_split]).max(0) for tree in trees])
        terms = self.roundings * int((largest > 0).sum(0).max())
        error = sum_roundoff(terms, self._constant("start").dtype) * float((np.abs(start) + largest.sum(0)).max())
        self._rounding = 4 * error  # of two scores, in two orders each

    def _estimated(self, x: Tensor) -> Outputs:
        return self._decided(x, self._estimated_raw(x), self.link_roundoff)

    def _compiled(self, x: Tensor) -> Outputs:
        return self._decided(x, self._walked(x), self.link_roundoff + self._rounding)

    def _decided(self, x: Tensor, raw: Tensor, error: float) -> Outputs:
        """Outputs of raw scores, whose differences are known up to `error`; the estimator decides what this leaves."""
        labels, scores, probabilities = self._linked(raw)
        unsure = self._lead(raw) <= error
        if unsure.any():
            labels[unsure] = self._own_labels(x[unsure])
            scores = topped(two_sided(raw), labels)
        return Outputs(labels, scores, probabilities)

    def _lead(self, raw: Tensor) -> Tensor:
        """`(N,)` how far the label is ahead of the next, in raw scores or in less."""
        return gap(two_sided(raw))

    def _logits(self, x: Tensor) -> Tensor:
        return two_sided(self._sharpness * self.soft_decision(x))

    def _log_link(self, raw: Tensor) -> Tensor:
        scores = self._sharpness * raw
        return F.logsigmoid(scores) if self._one_vs_rest else two_sided(scores).log_softmax(1)

    def _estimated_raw(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self._ask("predict", x, **self.raw_options).reshape(len(x), -1), device=x.device)

    def structure(self, shape: tuple[int, ...]) -> Structure:
        if self._one_vs_rest:
            raise Unsupported(
                "nothing is known to be proved of boosting one against the rest: probabilities round to 1"
            )
        return super().structure(shape)

    @property
    def _off(self) -> float:
        return self.link_roundoff / min(1.0, self._sharpness) + self._rounding

    def _state(self) -> Iterable[object]:
        yield from super()._state()
        yield (self._sharpness, self._one_vs_rest)
