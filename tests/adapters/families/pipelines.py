"""Pipelines, and searches."""

from __future__ import annotations

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import SelectKBest, SelectPercentile
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from families.case import Case
from families.data import few

_SOFTMAX = {"confidence": "softmax"}
_SURROGATE = {"gradient": "surrogate"}


def logistic() -> LogisticRegression:
    return LogisticRegression(C=0.1, max_iter=60)


def bins(encode: str, count: int = 4) -> KBinsDiscretizer:
    return KBinsDiscretizer(count, encode=encode, strategy="uniform")


def by_column() -> ColumnTransformer:
    """Overlapping columns, a nested pipeline, and all ways to say what is left."""
    inner = make_pipeline(MinMaxScaler(), PolynomialFeatures(2, interaction_only=True))
    return ColumnTransformer(
        [
            ("scaled", StandardScaler(), slice(10, 50)),
            ("products", inner, [40, 20, 21, 36]),
            ("as is", "passthrough", lambda x: np.arange(x.shape[1]) < 20),
            ("dropped", "drop", [63]),
            ("none", StandardScaler(), []),
        ],
        remainder=RobustScaler(),
    )


CASES = {
    "pipeline-standard-logistic": Case(lambda: make_pipeline(StandardScaler(), logistic()), **_SOFTMAX),
    "pipeline-minmax-svc": Case(lambda: make_pipeline(MinMaxScaler((-1, 1), clip=True), SVC(gamma=0.02))),
    "pipeline-robust-knn": Case(
        lambda: make_pipeline(RobustScaler(with_centering=False), KNeighborsClassifier(3)),
        **_SURROGATE,
        confidence="votes",
    ),
    "pipeline-maxabs-tree": Case(
        lambda: make_pipeline(MaxAbsScaler(), DecisionTreeClassifier(max_depth=8, random_state=0)),
        **_SURROGATE,
        confidence="leaf fraction",
    ),
    "pipeline-normalizer-forest": Case(
        lambda: make_pipeline(Normalizer(), RandomForestClassifier(10, random_state=0)),
        **_SURROGATE,
        confidence="leaf fraction",
    ),
    "pipeline-pca-svc": Case(lambda: make_pipeline(PCA(20, whiten=True), SVC())),
    "pipeline-svd-linear-svc": Case(lambda: make_pipeline(TruncatedSVD(20, random_state=0), LinearSVC(C=0.05))),
    "pipeline-polynomial-logistic": Case(
        lambda: make_pipeline(SelectKBest(k=16), PolynomialFeatures(2), logistic()), **_SOFTMAX
    ),
    "pipeline-bins-logistic": Case(lambda: make_pipeline(bins("onehot-dense"), logistic()), **_SURROGATE, **_SOFTMAX),
    "pipeline-bins-sparse": Case(lambda: make_pipeline(bins("onehot"), LinearSVC(C=0.05)), **_SURROGATE),
    "pipeline-bins-ordinal": Case(lambda: make_pipeline(bins("ordinal", 6), SVC(gamma=0.002)), **_SURROGATE),
    "pipeline-columns": Case(lambda: make_pipeline(by_column(), logistic()), **_SOFTMAX),
    "pipeline-union": Case(
        lambda: make_pipeline(
            "passthrough",
            FeatureUnion(
                [("none", "drop"), ("all", "passthrough"), ("some", PCA(5)), ("norm", Normalizer("max"))],
                transformer_weights={"some": 0.5},
            ),
            SVC(),
        )
    ),
    "pipeline-nested": Case(
        lambda: Pipeline(
            [
                ("prepare", make_pipeline(None, StandardScaler(), SelectPercentile(percentile=80))),
                ("classify", make_pipeline(Normalizer("l1"), MaxAbsScaler(), logistic())),
            ]
        ),
        **_SOFTMAX,
    ),
    "pipeline-search": Case(
        lambda: make_pipeline(StandardScaler(), GridSearchCV(SVC(), {"gamma": [0.01, 0.02]}, cv=2)),
    ),
}

SMALL = {
    "pipeline-standard-tree": lambda: make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=0)),
    "pipeline-minmax-svc": lambda: make_pipeline(MinMaxScaler(), SVC(gamma=0.5)),
    "pipeline-normalizer-knn": lambda: make_pipeline(Normalizer(), KNeighborsClassifier(3)),
    "pipeline-pca-linear": lambda: make_pipeline(PCA(whiten=True), LogisticRegression(max_iter=30)),
    "pipeline-polynomial-forest": lambda: make_pipeline(
        PolynomialFeatures(3), RobustScaler(), RandomForestClassifier(3, random_state=0)
    ),
    "pipeline-bins-linear": lambda: make_pipeline(bins("onehot", 3), LogisticRegression(max_iter=30)),
}


def halved(x: np.ndarray) -> np.ndarray:
    return x / 2


class Stranger(StandardScaler):  # type: ignore[misc]
    """A subclass, which may transform in a way of its own."""


def _unfitted_step() -> Pipeline:
    return Pipeline([("scale", StandardScaler()), ("classify", logistic().fit(*few()))])


REFUSED = {
    "Pipeline is not fitted": lambda: make_pipeline(StandardScaler(), logistic()),
    "Pipeline with step 'scale': StandardScaler is not fitted": _unfitted_step,
    "Pipeline with step 'halve': FunctionTransformer with a function is not compiled": lambda: Pipeline(
        [("halve", FunctionTransformer(halved)), ("classify", logistic())]
    ).fit(*few()),
    "Pipeline with step 'stranger': Stranger is not among": lambda: make_pipeline(Stranger(), logistic()).fit(*few()),
    "Pipeline with step 'columntransformer': ColumnTransformer with step 'power': PowerTransformer is not": lambda: (
        make_pipeline(ColumnTransformer([("power", PowerTransformer(), [1])]), logistic()).fit(*few())
    ),
    "Pipeline with step 'linearregression': LinearRegression is a regressor": lambda: make_pipeline(
        StandardScaler(), LinearRegression()
    ).fit(*few()),
    "Pipeline with step 'standardscaler': StandardScaler is not among": lambda: make_pipeline(StandardScaler()).fit(
        *few()
    ),
    "Pipeline with 'passthrough' for its last step": lambda: Pipeline(
        [("scale", StandardScaler()), ("nothing", "passthrough")]
    ).fit(*few()),
    "Pipeline with step 'svc': SVC with a fit on sparse data": lambda: make_pipeline(
        KBinsDiscretizer(3, strategy="uniform"), SVC()
    ).fit(*few()),
    "Pipeline with step 'simpleimputer': SimpleImputer with a fit on objects": lambda: make_pipeline(
        SimpleImputer(strategy="most_frequent"), logistic()
    ).fit(few()[0].astype(object), few()[1]),
    "kept no best estimator; fit it with refit=True": lambda: GridSearchCV(
        make_pipeline(StandardScaler(), logistic()), {"logisticregression__C": [0.1]}, cv=2, refit=False
    ).fit(*few()),
    "Pipeline with step 'vectorize': CountVectorizer is not among": lambda: Pipeline(
        [("vectorize", CountVectorizer()), ("classify", logistic())]
    ).fit(["a zero", "a one"] * 10, [0, 1] * 10),
}
