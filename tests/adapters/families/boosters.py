"""XGBoost, LightGBM and CatBoost; a library that is not installed has no cases."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from families.case import Case
from families.data import few

CASES: dict[str, Case] = {}
SMALL: dict[str, Callable[[], Any]] = {}
REFUSED: dict[str, Callable[[], Any]] = {}

_SUMS: dict[str, Any] = {"gradient": "surrogate", "confidence": "softmax", "beats_noise_by": 0.15}
_NUMBERS = {"labellings": ("ten", "zero-one")}  # the only labels that XGBoost takes


def _own_objective(y: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return scores - y, np.ones_like(scores)


def _two() -> tuple[np.ndarray, np.ndarray]:
    x, y = few()
    return x, y % 2


def _two_outputs() -> tuple[np.ndarray, np.ndarray]:
    x, y = few()
    return x, np.stack([y % 2, y > 4], axis=1).astype(int)


if find_spec("xgboost"):
    from xgboost import XGBClassifier, XGBRFClassifier

    def _xgb(**settings: Any) -> Any:
        return XGBClassifier(**{"n_estimators": 8, "max_depth": 4, "n_jobs": 1, "random_state": 0} | settings)

    CASES |= {
        "xgboost": Case(_xgb, **_SUMS, **_NUMBERS),
        "xgboost-dart": Case(lambda: _xgb(booster="dart", rate_drop=0.4), **_SUMS, **_NUMBERS),
        "xgboost-parallel": Case(lambda: _xgb(num_parallel_tree=2, subsample=0.6, base_score=0.3), **_SUMS, **_NUMBERS),
        "xgboost-exact": Case(lambda: _xgb(tree_method="exact", n_jobs=2), **_SUMS, **_NUMBERS),
        "xgboost-lossguide": Case(lambda: _xgb(grow_policy="lossguide", max_leaves=9, gamma=0.2), **_SUMS, **_NUMBERS),
        "xgboost-softmax": Case(lambda: _xgb(objective="multi:softmax"), **_SUMS, labellings=("ten",)),
        "xgboost-forest": Case(lambda: XGBRFClassifier(n_estimators=8, n_jobs=1, random_state=0), **_SUMS, **_NUMBERS),
    }
    REFUSED |= {
        "XGBClassifier with booster='gblinear'": lambda: _xgb(booster="gblinear", max_depth=None).fit(*few()),
        "XGBClassifier with an objective of its own": lambda: _xgb(objective=_own_objective).fit(*_two()),
        "XGBClassifier with objective='binary:hinge'": lambda: _xgb(objective="binary:hinge").fit(*_two()),
        "objective='multi:softprob' and 2": lambda: _xgb(objective="multi:softprob", num_class=2).fit(*_two()),
        "XGBClassifier with several outputs is": lambda: _xgb().fit(*_two_outputs()),
        "several outputs in a leaf": lambda: _xgb(multi_strategy="multi_output_tree", tree_method="hist").fit(*few()),
        "XGBClassifier with missing=0": lambda: _xgb(missing=0.0).fit(*few()),
        "XGBClassifier with categorical splits": lambda: _xgb(
            enable_categorical=True, feature_types=["c"] * 64, max_cat_to_onehot=1
        ).fit((few()[0] * 16).round(), few()[1]),
        "XGBClassifier with one class": lambda: _xgb().fit(few()[0], np.zeros(60)),
        "XGBClassifier with no trees": lambda: _xgb(n_estimators=0).fit(*few()),
        "XGBClassifier is not fitted": _xgb,
    }

if find_spec("lightgbm"):
    from lightgbm import LGBMClassifier, LGBMRegressor

    def _lgbm(**settings: Any) -> Any:
        small = {"n_estimators": 8, "num_leaves": 12, "n_jobs": 1, "verbose": -1, "random_state": 0}
        return LGBMClassifier(**small | settings)

    CASES |= {
        "lightgbm": Case(_lgbm, **_SUMS),
        "lightgbm-dart": Case(lambda: _lgbm(boosting_type="dart", drop_rate=0.4), **_SUMS),
        "lightgbm-forest": Case(
            lambda: _lgbm(boosting_type="rf", bagging_freq=1, bagging_fraction=0.6, n_jobs=2),
            **_SUMS,
        ),
        "lightgbm-sigmoid": Case(lambda: _lgbm(sigmoid=0.5, extra_trees=True), **_SUMS, labellings=("binary",)),
        "lightgbm-cross-entropy": Case(lambda: _lgbm(objective="cross_entropy"), **_SUMS, labellings=("binary",)),
        "lightgbm-ova": Case(
            lambda: _lgbm(objective="multiclassova"),
            **_SUMS | {"confidence": "sigmoid"},
            labellings=("ten", "words", "shifted"),
        ),
    }
    SMALL |= {
        "lightgbm": lambda: _lgbm(min_child_samples=2, n_estimators=4),
    }
    REFUSED |= {
        "LGBMClassifier with linear_tree=True": lambda: _lgbm(linear_tree=True).fit(*few()),
        "LGBMClassifier with objective of its own": lambda: _lgbm(objective=_own_objective).fit(*_two()),
        "LGBMClassifier with objective poisson": lambda: _lgbm(objective="poisson").fit(*_two()),
        "zero_as_missing=True": lambda: _lgbm(zero_as_missing=True, min_child_samples=3).fit(*few()),
        "pred_early_stop=True": lambda: _lgbm(pred_early_stop=True).fit(*few()),
        "LGBMClassifier with one class": lambda: _lgbm().fit(few()[0], np.zeros(60)),
        "LGBMClassifier is not fitted": _lgbm,
        "LGBMRegressor is a regressor": lambda: LGBMRegressor(verbose=-1).fit(*few()),
    }

if find_spec("catboost"):
    from catboost import CatBoostClassifier

    def _cat(**settings: Any) -> Any:
        small = {"iterations": 12, "depth": 4, "learning_rate": 0.4, "thread_count": 1, "random_seed": 0}
        return CatBoostClassifier(**small | {"verbose": 0, "allow_writing_files": False} | settings)

    CASES |= {
        "catboost": Case(_cat, **_SUMS),
        "catboost-deep": Case(lambda: _cat(depth=9, iterations=5, thread_count=2), **_SUMS, labellings=("binary",)),
        "catboost-lossguide": Case(lambda: _cat(grow_policy="Lossguide", max_leaves=9), **_SUMS),
        "catboost-depthwise": Case(lambda: _cat(grow_policy="Depthwise"), **_SUMS),
        "catboost-ova": Case(
            lambda: _cat(loss_function="MultiClassOneVsAll"),
            **_SUMS | {"confidence": "sigmoid"},
            labellings=("ten", "words", "shifted"),
        ),
    }
    REFUSED |= {
        "CatBoostClassifier with loss_function='MultiLogloss'": lambda: _cat(loss_function="MultiLogloss").fit(
            *_two_outputs()
        ),
        "loss_function='Focal'": lambda: _cat(loss_function="Focal:focal_alpha=0.5;focal_gamma=1").fit(*_two()),
        "CatBoostClassifier with categorical features": lambda: _cat(cat_features=[20]).fit(
            np.array([[*row[:20], str(row[20]), *row[21:]] for row in few()[0]], dtype=object), few()[1]
        ),
        "CatBoostClassifier with class_names that": lambda: _cat(
            class_names=list(range(11)), loss_function="MultiClass"
        ).fit(*few()),
        "CatBoostClassifier is not fitted": _cat,
    }
