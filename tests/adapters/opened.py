"""Models of the digits whose rules can be opened, and what holds of what is seen in them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)  # fmt: skip
from sklearn.svm import LinearSVC
from torch import Tensor

import adapters
from adapters.base import Adapter
from adapters.structures import Structure

SHAPE = (1, 8, 8)
TEN = tuple("0123456789")


def logistic() -> LogisticRegression:
    return LogisticRegression(C=0.1, max_iter=60)


def columns() -> ColumnTransformer:
    """Overlapping columns, a nested pipeline, and what is left."""
    inner = make_pipeline(MinMaxScaler((-1, 2)), PCA(3))
    parts = [("scaled", StandardScaler(), slice(10, 50)), ("inner", inner, [40, 20, 21, 36]), ("no", "drop", [63])]
    return ColumnTransformer([*parts, ("as is", "passthrough", [0, 1, 20])], remainder=RobustScaler(),
                             transformer_weights={"scaled": 0.5})  # fmt: skip


LINEAR: dict[str, Callable[[], Any]] = {
    "logistic": logistic,
    "linear svc": lambda: LinearSVC(C=0.05),
    "ridge": RidgeClassifier,
    "sgd": lambda: SGDClassifier(random_state=0),
    "sgd of probabilities": lambda: SGDClassifier(loss="modified_huber", random_state=0),
    "perceptron": lambda: Perceptron(random_state=0),
    "lda": lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1),
    "multinomial nb": MultinomialNB,
    "complement nb": lambda: ComplementNB(norm=True),
    "bernoulli nb": lambda: BernoulliNB(binarize=None),
    "centroid": NearestCentroid,
    "centroid of priors": lambda: NearestCentroid(priors="empirical", shrink_threshold=0.1),
    "standard": lambda: make_pipeline(StandardScaler(), logistic()),
    "minmax": lambda: make_pipeline(MinMaxScaler((-1, 1)), LinearSVC(C=0.05)),
    "scalers": lambda: make_pipeline("passthrough", MaxAbsScaler(), RobustScaler(with_centering=False), logistic()),
    "pca": lambda: make_pipeline(PCA(20, whiten=True), StandardScaler(), logistic()),
    "incremental pca": lambda: make_pipeline(StandardScaler(), IncrementalPCA(12), logistic()),
    "svd": lambda: make_pipeline(TruncatedSVD(20, random_state=0), RidgeClassifier()),
    "selected": lambda: make_pipeline(VarianceThreshold(), SelectKBest(k=20), SimpleImputer(), logistic()),
    "columns": lambda: make_pipeline(columns(), logistic()),
    "side by side": lambda: make_pipeline(FeatureUnion([("pca", PCA(4)), ("all", StandardScaler())]), logistic()),
    "nested": lambda: make_pipeline(make_pipeline(StandardScaler(), PCA(9)), make_pipeline(MaxAbsScaler(), logistic())),
    "one against the rest": lambda: OneVsRestClassifier(LinearSVC(C=0.05)),
    "pipelines against the rest": lambda: OneVsRestClassifier(make_pipeline(StandardScaler(), logistic())),
    "centroid behind a projection": lambda: make_pipeline(PCA(10), NearestCentroid()),
}  # fmt: skip


def fitted(make: Callable[[], Any], train: tuple[np.ndarray, np.ndarray], dtype: type = np.float64) -> Adapter:
    x, y = train[0].reshape(len(train[0]), -1)[:600].astype(dtype), train[1][:600]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return adapters.wrap(make().fit(x, y))


def points(test: tuple[Tensor, Tensor]) -> Tensor:
    """Digits, and inputs of every size."""
    x = test[0][:80].flatten(1)
    noise = torch.rand(80, 64, generator=torch.Generator().manual_seed(0))
    return torch.cat([x, noise, 1e3 * noise, torch.zeros(1, 64)])


def holds(structure: Structure, model: Adapter, x: Tensor) -> None:
    """The labels are the model's own wherever scores differ by more than it says that rounding may make of them."""
    scores = structure.scores(x)
    top = scores.topk(2, dim=1)
    sure = top.values[:, 0] - top.values[:, 1] > structure.roundoff(x)
    assert sure.double().mean() > 0.8
    given = torch.tensor(structure.classes)[top.indices[:, 0]]
    assert torch.equal(given[sure], model.reference_predict(x)[sure])
    assert torch.equal(given[sure], model.predict(x)[sure])
