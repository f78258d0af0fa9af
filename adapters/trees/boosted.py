"""Boosted trees of any make: raw scores are a start and, tree by tree, the value of a leaf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from adapters.base import GradientKind, Outputs
from adapters.compiled import SklearnAdapter
from adapters.errors import Unsupported
from adapters.rounding import topped, two_sided
from adapters.structures.base import Structure
from adapters.trees.arrays import Float, Floats, TreeArrays, leaf_sums, node_tables, only_steps
from adapters.trees.opened import opened
from adapters.trees.soft import SoftTrees


class BoostedTrees(SklearnAdapter):
    """Trees that add to raw scores, `(N, K)` or in the binary case `(N, 1)`, which a link turns into probabilities.

    Raw scores are the estimator's to the last bit: the same comparisons, and the same additions in the same order and
    precision. The gradient is that of raw scores with relaxed splits (`trees/soft.py`); a categorical split has no
    direction to go in and is walked as it is, without a gradient. Where there are no other splits there is none at all.

    The width of relaxed splits is a share of the range of each feature's own thresholds: features may differ a
    thousandfold in scale.

    A subclass implements `_estimated_raw` where that is not `decision_function`; `_encoded` where it knows categories;
    `_labels` and `_log_link` where the first largest softmax probability is not the rule.
    """

    jumps = True
    gradient: GradientKind = "surrogate"
    decision: GradientKind = "surrogate"
    probability: GradientKind = "surrogate"
    confidence_kind = "softmax"
    temperature = 0.1
    ties_up: ClassVar[bool] = False
    """Whether class 1 of two is the label where its raw score is just 0."""

    def __init__(self, estimator: Any, trees: list[TreeArrays], start: Floats, precision: Float = np.float32) -> None:
        """Take trees in the order in which they are added, with values `(M, K)` or in the binary case `(M, 1)`; the
        `(K,)` or `(1,)` raw scores without trees, in whose type values are added; and the type that inputs are compared
        in.
        """
        tables = {name: torch.tensor(table) for name, table in node_tables(trees, precision).items()}
        tables["start"] = torch.tensor(start)
        tables["value"] = tables["value"].to(tables["start"].dtype)
        super().__init__(estimator, **tables)
        self._depth = max(tree.depth for tree in trees)
        self._soft = SoftTrees(trees, self.temperature, by_feature=True)
        if only_steps(trees):
            self.gradient = self.decision = self.probability = "none"

    # -- what a subclass says -----------------------------------------------------------------------------------------

    def _estimated_raw(self, x: Tensor) -> Tensor:
        """`(N, K)` or `(N, 1)` raw scores by the estimator's own code, in one call."""
        return self._own_decision(x)

    def _encoded(self, x: Tensor) -> Tensor:
        """`(N, D)` inputs with codes in place of categories, differentiable in the others."""
        return x

    def _labels(self, raw: Tensor) -> Tensor:
        """`(N,)` class indices of raw scores."""
        return two_sided(raw).argmax(1)

    def _log_link(self, raw: Tensor) -> Tensor:
        """`(N, K)` differentiable log-probabilities of raw scores."""
        return two_sided(raw).log_softmax(1)

    # -- what they share ----------------------------------------------------------------------------------------------

    def _estimated(self, x: Tensor) -> Outputs:
        return self._linked(self._estimated_raw(x))

    def _compiled(self, x: Tensor) -> Outputs:
        return self._linked(self._walked(x))

    def _walked(self, x: Tensor) -> Tensor:
        """`(N, K)` or `(N, 1)` raw scores by the compiled trees."""
        compared = self._encoded(x).to(self._constant("threshold").dtype)
        return leaf_sums(self._constants, compared, self._depth, self._constant("start"))

    def _linked(self, raw: Tensor) -> Outputs:
        labels = self._labels(raw)
        return Outputs(labels, topped(two_sided(raw), labels), self._log_link(raw.double()).exp())

    def soft_decision(self, x: Tensor) -> Tensor:
        return self._constant("start", x.dtype) + self._soft.sums(self._encoded(x))

    def _rough(self, x: Tensor) -> Tensor:
        return torch.full((len(x),), self._soft.is_fine, device=x.device)

    def decision_values(self, x: Tensor) -> Tensor:
        return (self._estimated_raw(x) if x.device.type == "cpu" else self._walked(x)).double()

    def log_probabilities(self, x: Tensor) -> Tensor:
        return self._log_link(self.soft_decision(x))

    def _logits(self, x: Tensor) -> Tensor:
        return two_sided(self.soft_decision(x))

    def structure(self, shape: tuple[int, ...]) -> Structure:
        if self.recodes:
            raise Unsupported("nothing is known to be proved of trees that see categories by other numbers")
        return opened(self._compared, self._constants["start"], ties_up=self.ties_up, off=self._off)

    @property
    def _compared(self) -> Mapping[str, Tensor]:
        """The table of nodes whose comparisons are of inputs as they are."""
        return self._constants

    @property
    def _off(self) -> float:
        """How far a difference of two of the model's own raw scores may be from one of those walked in float64."""
        return 0.0

    def _state(self) -> Iterable[object]:
        yield self.temperature
        yield from self._constants.values()
