"""scikit-learn's gradient boosting: GradientBoostingClassifier and HistGradientBoostingClassifier."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from torch import Tensor

from adapters.categories import found, numbers
from adapters.compiled import refuse, refuse_if
from adapters.rounding import two_sided
from adapters.trees.arrays import TreeArrays, in_column, of_sklearn
from adapters.trees.boosted import BoostedTrees


class GradientBoostingAdapter(BoostedTrees):
    """GradientBoostingClassifier: the first largest raw score; class 1 of two where its raw score is at least 0.

    Raw scores are those of the initial prediction plus each stage's leaf values times the learning rate, in float64.
    Inputs are compared as in `tree.py`. The exponential loss makes probabilities of twice the raw score.
    """

    family = "gradient boosting"
    ties_up = True

    def __init__(self, estimator: Any) -> None:
        init = estimator.init_
        if type(init) is DummyClassifier and init.strategy == "stratified":
            raise refuse(estimator, "random initial predictions, init=DummyClassifier(strategy='stratified')")
        if type(init) is not DummyClassifier and not isinstance(init, str):
            raise refuse(estimator, f"init={type(init).__name__}", "fit it with init=None or init='zero'")
        self._sharpness = 2 if estimator.loss == "exponential" else 1
        start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))[0]
        trees = [
            replace(tree, value=in_column(estimator.learning_rate * tree.value[:, 0], column, len(stage)))
            for stage in estimator.estimators_
            for column, tree in enumerate(of_sklearn(fitted.tree_) for fitted in stage)
        ]
        super().__init__(estimator, trees, start)
        self.estimator.init_ = copy.copy(init)  # the owner's is fitted again with it

    def _labels(self, raw: Tensor) -> Tensor:
        return (raw[:, 0] >= 0).long() if raw.shape[1] == 1 else raw.argmax(1)

    def _log_link(self, raw: Tensor) -> Tensor:
        return (self._sharpness * two_sided(raw)).log_softmax(1)

    def _state(self) -> Iterable[object]:
        yield self._sharpness
        yield from super()._state()


class HistGradientBoostingAdapter(BoostedTrees):
    """HistGradientBoostingClassifier: the first largest raw score; class 1 of two where its raw score is above 0.

    Inputs are widened to float64 and go left where they are at most the threshold, or a NaN where the split says so. A
    categorical feature is looked up among the values seen in the fit; any other value counts as missing.
    """

    family = "histogram gradient boosting"

    def __init__(self, estimator: Any) -> None:
        refuse_if(len(estimator.classes_) < 2, estimator, "a fit on one class")  # it gives probabilities for two
        known, self._columns = _known_categories(estimator)
        trees = [
            _arrays(predictor, column, len(stage), self._columns)
            for stage in estimator._predictors
            for column, predictor in enumerate(stage)
        ]
        super().__init__(estimator, trees, estimator._baseline_prediction.ravel(), np.float64)
        self.estimator._predictors = [*estimator._predictors]  # a warm start adds to the owner's list
        self._categorical = self._columns[: len(known)].tolist()
        self._constants |= {f"categories{f}": torch.tensor(k) for f, k in zip(self._categorical, known, strict=True)}
        self.recodes = any((values != values.astype(np.float32)).any() for values in known)

    def _encoded(self, x: Tensor) -> Tensor:
        if not self._categorical:
            return x
        encoded = x.clone()
        for feature in self._categorical:
            code, is_known = found(self._constant(f"categories{feature}"), x.detach()[:, feature])
            encoded[:, feature] = torch.where(is_known, code.to(x.dtype), torch.nan)
        return encoded

    def _as_input(self, x: Tensor) -> Any:
        """With the categories that a float32 batch rounds as the estimator knows them: it computes in float64."""
        if self._categorical and x.dtype == torch.float32:
            wide = x.detach().double()
            for feature in self._categorical:
                known = self._constant(f"categories{feature}")
                code, is_known = found(known, x.detach()[:, feature])
                wide[:, feature] = torch.where(is_known, known[code], wide[:, feature])
            x = wide
        return super()._as_input(x)


def _known_categories(estimator: Any) -> tuple[list[NDArray[np.float64]], NDArray[np.int64]]:
    """Sorted values of each categorical feature, and of which feature each column of the preprocessed input is.

    The estimator's preprocessor puts the categorical features first, and a missing value after all others.
    """
    features = np.arange(estimator.n_features_in_)
    if estimator.is_categorical_ is None:
        return [], features
    known = estimator._preprocessor.named_transformers_["encoder"].categories_
    columns = np.concatenate([features[estimator.is_categorical_], features[~estimator.is_categorical_]])
    wide = [numbers(estimator, column, values) for column, values in zip(columns.tolist(), known, strict=False)]
    return [np.where(np.isnan(values), np.inf, values) for values in wide], columns


def _arrays(predictor: Any, column: int, columns: int, features: NDArray[np.int64]) -> TreeArrays:
    """One tree that adds to one column of the raw scores, by the features of the unprocessed input."""
    nodes = predictor.nodes
    is_leaf = nodes["is_leaf"].astype(bool)
    bits = predictor.raw_left_cat_bitsets.astype("<u4").view(np.uint8)
    return TreeArrays(
        left=np.where(is_leaf, -1, nodes["left"].astype(np.int64)),
        right=np.where(is_leaf, -1, nodes["right"].astype(np.int64)),
        feature=features[np.where(is_leaf, 0, nodes["feature_idx"])],
        threshold=nodes["num_threshold"].copy(),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        value=in_column(nodes["value"], column, columns),
        category_row=np.where(nodes["is_categorical"].astype(bool), nodes["bitset_idx"].astype(np.int64), -1),
        left_categories=np.unpackbits(bits, axis=1, bitorder="little").astype(bool),
    )
