"""Pipelines: transformers and, behind them, a classifier."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from adapters.base import Outputs, worst
from adapters.compiled import SklearnAdapter, refuse, unnamed
from adapters.sklearn.table import compile_inner
from adapters.sklearn.transformers.base import naming
from adapters.sklearn.transformers.composed import Chain, detached
from adapters.structures.base import Structure


class PipelineAdapter(SklearnAdapter):
    """Pipeline: its last step's labels, scores and losses of the transformed input.

    The last step is given the very bits that it is given in the estimator: by the compiled transformers where they are
    bitwise, else by their own `transform` on the CPU. Gradients go through the compiled transformers, their steps
    relaxed.
    """

    def __init__(self, estimator: Any) -> None:
        name, last = estimator.steps[-1]
        if last is None or isinstance(last, str):
            raise refuse(estimator, f"{last!r} for its last step", "end it with a classifier")
        with naming(estimator, name):
            self._last = compile_inner(last)
        own = detached(estimator)
        own.steps[-1] = (name, self._last.estimator)
        self._chain = Chain(estimator, own.steps[:-1])
        super().__init__(own)
        if self._chain.by_name and hasattr(own, "feature_names_in_"):
            if importlib.util.find_spec("pandas") is None:
                raise refuse(estimator, "columns picked by name and no pandas", "install pandas")
            self.container = "table"
        made = self._own_transform(torch.zeros(2, own.n_features_in_))
        if sparse.issparse(made):
            self._last.container = "sparse"
        elif self._last.container == "array" and not np.asarray(made).flags.c_contiguous:
            self._last.container = "columns"
        self.takes_missing = self._takes_missing()
        for said in ("family", "agreement", "confidence_kind", "stochastic", "notes"):
            setattr(self, said, getattr(self._last, said))  # an instance speaks for its last step
        self.jumps = self._last.jumps or self._chain.gradient != "exact"
        for kind in ("gradient", "decision", "probability"):
            setattr(self, kind, worst(getattr(self._last, kind), self._chain.gradient))

    def _logits(self, x: Tensor) -> Tensor:
        return self._last._logits(self._chain.relaxed(x))

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        return self._last._training_loss(self._chain.relaxed(x), y)

    def _rough(self, x: Tensor) -> Tensor:
        return self._last._rough(self._chain.relaxed(x))

    def soft_decision(self, x: Tensor) -> Tensor:
        return self._last.soft_decision(self._chain.relaxed(x))

    def decision_values(self, x: Tensor) -> Tensor:
        return self._last.decision_values(self._transformed(x))

    def log_probabilities(self, x: Tensor) -> Tensor:
        return self._last.log_probabilities(self._chain.relaxed(x))

    def _estimated(self, x: Tensor) -> Outputs:
        return self._last._outputs(self._transformed(x))

    def _compiled(self, x: Tensor) -> Outputs:
        return self._last._compiled(self._chain.forward(x) if self._chain.bitwise else self._transformed(x))

    def _transformed(self, x: Tensor) -> Tensor:
        """`(N, D')` what the last step is given, by the transformers' own code, dense, on the device of `x`."""
        made = self._own_transform(x)
        dense = made.toarray() if sparse.issparse(made) else np.asarray(made)
        return torch.as_tensor(np.require(dense, requirements="W"), device=x.device)

    def _own_transform(self, x: Tensor) -> Any:
        """What the transformers themselves make of a batch: an array, a sparse matrix or a table."""
        made = self._as_input(x)
        with unnamed():
            for _, step in self.estimator.steps[:-1]:
                made = step.transform(made)
        return made

    def structure(self, shape: tuple[int, ...]) -> Structure:
        return self._chain.opened(self._last.structure(self._last.input_shape or ()), self.estimator.n_features_in_)

    def _takes_missing(self) -> bool:
        """Whether a NaN is filled in on the way to the last step, or that step takes it."""
        try:
            made = self._transformed(torch.full((1, self.estimator.n_features_in_), torch.nan))
        except ValueError:
            return False
        return self._last.takes_missing or not bool(made.isnan().any())

    def _state(self) -> Iterable[object]:
        yield from self._chain.state()
        yield self._last.fingerprint
