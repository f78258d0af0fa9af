"""Decision trees, and what forests share with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adapters.base import Outputs
from adapters.sklearn.base import SklearnAdapter, as_array, log_odds_against, refuse
from adapters.sklearn.soft_trees import SoftTrees


class TreeAdapter(SklearnAdapter):
    """DecisionTreeClassifier: the first largest class fraction of the leaf that the input falls into.

    Labels and probabilities are the estimator's to the last bit: inputs are cast to float32 and go left where they are
    at most the float64 threshold. On the CPU the estimator's own compiled trees are walked, which is faster; elsewhere
    the compiled tensors.

    The gradient is a surrogate's: the log-odds of relaxed splits (`soft_trees.py`). FGSM error at .02 / .05 / .1 / .25
    on MNIST (a tree of depth 14, 60,000 examples; 500 images, 11.8% wrong clean): temperature .01 91.2 / 94.0 / 95.4 /
    99.4%, .02 91.0 / 94.0 / 95.4 / 99.4%, .1 90.6 / 93.6 / 95.2 / 99.4%, .2 87.8 / 90.8 / 94.0 / 99.4%; with sigmoid
    splits at its best temperature, .02, 91.2 / 94.0 / 95.2 / 99.2%.
    """

    family = "tree"
    gradient = "surrogate"
    confidence_kind = "leaf fraction"
    temperature = 0.02

    def __init__(self, estimator: Any) -> None:
        """
        Raises:
            NotWrappable: several outputs.
        """
        if estimator.n_outputs_ > 1:
            raise refuse(estimator, "several outputs", "fit one estimator for each")
        self._trees = self._fitted_trees(estimator)
        super().__init__(estimator, **_node_tables(self._trees))
        self._soft = SoftTrees(self._trees, self.temperature)

    def _fitted_trees(self, estimator: Any) -> list[Any]:
        return [estimator.tree_]

    def _logits(self, x: Tensor) -> Tensor:
        return self._soft.probabilities(x).clamp_min(torch.finfo(x.dtype).tiny).log()

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        return log_odds_against(self._logits(x), y)

    def _outputs(self, x: Tensor) -> Outputs:
        fractions = self._walked(x) if x.device.type != "cpu" else self._estimated(x)
        return Outputs(fractions.argmax(1), fractions, fractions)

    def _estimated(self, x: Tensor) -> Tensor:
        """`(N, K)` class fractions averaged over the trees, by scikit-learn's own trees one after the other."""
        narrow = as_array(x.float())
        total = np.zeros((len(narrow), len(self.classes or ())))
        for tree in self._trees:
            total += tree.predict(narrow)
        return torch.from_numpy(total / len(self._trees))

    def _walked(self, x: Tensor) -> Tensor:
        """The same from the compiled tensors, by the same additions in the same order."""
        table, narrow = self._constants, x.float()
        node = table["root"].expand(len(x), -1)
        for _ in range(max(tree.max_depth for tree in self._trees)):
            value = narrow.gather(1, table["feature"][node])
            goes_left = (value <= table["threshold"][node]) | (value.isnan() & table["missing_left"][node])
            node = torch.where(goes_left, table["left"][node], table["right"][node])
        total = table["value"].new_zeros(len(x), table["value"].shape[1])
        for leaf in node.T:
            total += table["value"][leaf]
        return total / len(self._trees)

    def _move(self, device: torch.device) -> None:
        super()._move(device)
        self._soft.to(device)

    def _state(self) -> Iterable[object]:
        yield self.temperature
        yield from self._constants.values()


def _node_tables(trees: list[Any]) -> dict[str, Tensor]:
    """All nodes of some scikit-learn trees in one table, each tree's first node in `root`; a leaf is its own child.

    Rounding each float64 threshold *down* to float32 leaves every comparison of float32 inputs as it is; rounding to
    the nearest would not.
    """
    starts = np.cumsum([0] + [tree.node_count for tree in trees])
    joined = {
        name: np.concatenate([getattr(tree, name) for tree in trees])
        for name in ("children_left", "children_right", "feature", "threshold", "missing_go_to_left", "value")
    }
    is_leaf, offset = joined["children_left"] < 0, np.repeat(starts[:-1], np.diff(starts))
    itself = np.arange(starts[-1])
    return {
        "root": torch.tensor(starts[:-1]),
        "left": torch.tensor(np.where(is_leaf, itself, joined["children_left"] + offset)),
        "right": torch.tensor(np.where(is_leaf, itself, joined["children_right"] + offset)),
        "feature": torch.tensor(np.where(is_leaf, 0, joined["feature"])),
        "threshold": torch.tensor(_rounded_down(joined["threshold"])),
        "missing_left": torch.tensor(joined["missing_go_to_left"].astype(bool)),
        "value": torch.tensor(joined["value"][:, 0]),
    }


def _rounded_down(values: np.ndarray) -> np.ndarray:
    """The largest float32 not above each float64 value."""
    with np.errstate(over="ignore"):
        nearest = values.astype(np.float32)
    return np.where(nearest > values, np.nextafter(nearest, np.float32(-np.inf)), nearest)
