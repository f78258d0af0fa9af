"""Decision trees and random forests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adapters.base import GradientKind, Outputs
from adapters.compiled import AttackLoss, SklearnAdapter, as_array, refuse_if
from adapters.structures.base import Structure
from adapters.threads import one_thread
from adapters.trees.arrays import leaf_sums, node_tables, of_sklearn, only_steps
from adapters.trees.opened import opened
from adapters.trees.soft import SoftTrees


class TreeAdapter(SklearnAdapter):
    """DecisionTreeClassifier and ExtraTreeClassifier: the first largest class fraction of the leaf an input falls into.

    Labels and probabilities are the estimator's to the last bit: inputs are cast to float32 and go left where they are
    at most the float64 threshold. On the CPU the estimator's own compiled trees are walked, which is faster; elsewhere
    the compiled tensors.

    The gradient is a surrogate's: the log-odds of relaxed splits (`trees/soft.py`).
    """

    family = "tree"
    gradient: GradientKind = "surrogate"
    probability: GradientKind = "surrogate"
    jumps = True
    agreement = 0.0
    confidence_kind = "leaf fraction"
    temperature = 0.02

    def __init__(self, estimator: Any) -> None:
        refuse_if(estimator.n_outputs_ > 1, estimator, "several outputs", "fit one estimator for each")
        self._trees = [each.tree_ for each in getattr(estimator, "estimators_", [estimator])]
        arrays = [of_sklearn(tree) for tree in self._trees]
        super().__init__(estimator, **{name: torch.tensor(table) for name, table in node_tables(arrays).items()})
        self._soft = SoftTrees(arrays, self.temperature)
        if only_steps(arrays):
            self.gradient = self.probability = "none"

    def _logits(self, x: Tensor) -> Tensor:
        return self.log_probabilities(x)

    def log_probabilities(self, x: Tensor) -> Tensor:
        shares = self._soft.sums(x) / len(self._trees)
        return shares.clamp_min(torch.finfo(x.dtype).tiny).log()

    def _rough(self, x: Tensor) -> Tensor:
        return torch.full((len(x),), self._soft.is_fine, device=x.device)

    @one_thread()
    def _estimated(self, x: Tensor) -> Outputs:
        """By scikit-learn's own trees one after the other."""
        narrow = as_array(x.float())
        total = np.zeros((len(narrow), len(self.classes or ())))
        for tree in self._trees:
            total += tree.predict(narrow)
        fractions = torch.from_numpy(total / len(self._trees))
        return Outputs(fractions.argmax(1), fractions, fractions)

    def _compiled(self, x: Tensor) -> Outputs:
        fractions = self._walked(x)
        return Outputs(fractions.argmax(1), fractions, fractions)

    def _walked(self, x: Tensor) -> Tensor:
        """`(N, K)` class fractions averaged over the trees, by the estimator's additions in the estimator's order."""
        start = self._constants["value"].new_zeros(len(self.classes or ()))
        depth = max(tree.max_depth for tree in self._trees)
        return leaf_sums(self._constants, x.float(), depth, start) / len(self._trees)

    def structure(self, shape: tuple[int, ...]) -> Structure:
        start = torch.zeros(len(self.classes or ()), dtype=torch.float64)
        return opened(self._constants, start, divisor=len(self._trees))

    def _state(self) -> Iterable[object]:
        yield self.temperature
        yield from self._constants.values()


class ForestAdapter(TreeAdapter):
    """RandomForestClassifier: the first largest mean class fraction over the trees.

    The trees are added in their order in float64, as the estimator does with one thread; with more it adds them in the
    order they finish, and then last bits, and with them exact ties, may differ from run to run.
    """

    family = "forest"
    attacked_by: AttackLoss = "margin"

    def __init__(self, estimator: Any) -> None:
        super().__init__(estimator)
        self.estimator.n_jobs = 1
        self.estimator.estimators_ = [*estimator.estimators_]  # a warm start adds to the owner's list


class ExtraTreesAdapter(ForestAdapter):
    """ExtraTreesClassifier, a forest whose log-odds are another direction than its margin, and find more with it."""

    version = "2"
    attacked_by = "log-odds"
