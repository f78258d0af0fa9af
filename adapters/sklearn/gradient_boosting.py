"""scikit-learn's gradient boosting: GradientBoostingClassifier."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from torch import Tensor

from adapters.compiled import refuse
from adapters.rounding import two_sided
from adapters.trees.arrays import TreeArrays, in_column, of_sklearn
from adapters.trees.boosted import BoostedTrees


class GradientBoostingAdapter(BoostedTrees):
    """GradientBoostingClassifier: the first largest raw score; class 1 of two where its raw score is at least 0.

    Raw scores are those of the initial prediction plus each stage's leaf values times the learning rate, in float64.
    Inputs are compared as in `tree.py`. The exponential loss makes probabilities of twice the raw score.
    """

    family = "gradient boosting"

    def __init__(self, estimator: Any) -> None:
        """
        Raises:
            NotWrappable: an initial estimator that predicts other than one constant.
        """
        init = estimator.init_
        if type(init) is DummyClassifier and init.strategy == "stratified":
            raise refuse(estimator, "random initial predictions, init=DummyClassifier(strategy='stratified')")
        if type(init) is not DummyClassifier and not isinstance(init, str):
            raise refuse(estimator, f"init={type(init).__name__}", "fit it with init=None or init='zero'")
        self._sharpness = 2 if estimator.loss == "exponential" else 1
        start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))[0]
        super().__init__(estimator, _scaled_trees(estimator), start)
        self.estimator.init_ = copy.copy(init)  # the owner's is fitted again with it

    def _estimated_raw(self, x: Tensor) -> Tensor:
        return self._own_decision(x)

    def _labels(self, raw: Tensor) -> Tensor:
        return (raw[:, 0] >= 0).long() if raw.shape[1] == 1 else raw.argmax(1)

    def _log_link(self, raw: Tensor) -> Tensor:
        return (self._sharpness * two_sided(raw)).log_softmax(1)

    def _state(self) -> Iterable[object]:
        yield self._sharpness
        yield from super()._state()


def _scaled_trees(estimator: Any) -> list[TreeArrays]:
    """The trees of all stages, with values times the learning rate."""
    trees = []
    for stage in estimator.estimators_:
        for column, fitted in enumerate(stage):
            tree = of_sklearn(fitted.tree_)
            values = in_column(estimator.learning_rate * tree.value[:, 0], column, len(stage))
            trees.append(replace(tree, value=values))
    return trees
