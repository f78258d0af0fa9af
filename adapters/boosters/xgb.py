"""XGBoost's classifiers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from adapters.boosters.base import BoosterAdapter
from adapters.categories import named
from adapters.compiled import refuse, refuse_if
from adapters.errors import BLACK_BOX
from adapters.trees.arrays import TreeArrays, in_column

OBJECTIVES = ("binary:logistic", "multi:softprob", "multi:softmax")


class XGBoostAdapter(BoosterAdapter):
    """XGBClassifier and XGBRFClassifier: the first largest probability; class 1 of two where its own is above .5.

    Inputs are cast to float32 and go left where they are below the float32 threshold; leaf values are added in float32.
    """

    family = "xgboost"
    decision = "none"
    link_roundoff = 1e-6
    raw_options: ClassVar[dict[str, Any]] = {"output_margin": True}

    def __init__(self, estimator: Any) -> None:
        native = estimator.get_booster()
        document = json.loads(native.save_raw("json"))
        learner = document["learner"]
        booster, objective = learner["gradient_booster"], learner["objective"]["name"]
        refuse_if(booster["name"] not in ("gbtree", "dart"), estimator, f"booster={booster['name']!r}")
        refuse_if(callable(estimator.objective), estimator, "an objective of its own")
        if int(learner["learner_model_param"].get("num_target", 1)) > 1:
            raise refuse(estimator, "several outputs", "fit one estimator for each")
        classes = int(estimator.n_classes_)
        refuse_if(classes < 2, estimator, "one class")
        if objective not in OBJECTIVES or (classes == 2) is not objective.startswith("binary"):
            raise refuse(estimator, f"objective={objective!r} and {classes} classes")
        if not np.isnan(estimator.missing):
            raise refuse(estimator, f"missing={estimator.missing}", "give NaN where a value is missing")
        weights = booster.get("weight_drop")
        if weights:
            self.roundings = 4  # `dart` adds and takes away the intercept, and multiplies
        model = booster.get("gbtree", booster)["model"]
        trees = model["trees"]
        refuse_if(not trees, estimator, "no trees")
        by_category = {
            int(feature)
            for tree in trees
            for feature, kind in zip(tree["split_indices"], tree["split_type"], strict=True)
            if kind == 1
        }
        if by_category:
            where = named(estimator, sorted(by_category))
            raise refuse(estimator, f"categorical splits of {where}", f"fit it on numbers there, or {BLACK_BOX}")
        if any(int(tree["tree_param"]["size_leaf_vector"]) > 1 for tree in trees):
            raise refuse(estimator, "several outputs in a leaf", "fit it with multi_strategy='one_output_per_tree'")
        best = getattr(estimator, "best_iteration", None)
        count = len(trees) if best is None else model["iteration_indptr"][best + 1]
        self._objective = objective
        start = _intercept(document, type(native))
        parts = zip(trees, model["tree_info"], weights or [1.0] * len(trees), strict=True)
        super().__init__(estimator, [_arrays(*part, len(start)) for part in islice(parts, count)], start)

    def _state(self) -> Iterable[object]:
        yield from super()._state()
        yield self._objective  # softmax labels by scores, softprob by rounded probabilities


def _arrays(tree: dict[str, Any], column: int, weight: float, columns: int) -> TreeArrays:
    """One tree of the dump, which adds to one column; its `split_conditions` are values at leaves."""
    number = np.array(tree["split_conditions"], dtype=np.float32)
    return TreeArrays(
        left=np.array(tree["left_children"], dtype=np.int64),
        right=np.array(tree["right_children"], dtype=np.int64),
        feature=np.array(tree["split_indices"], dtype=np.int64),
        threshold=np.nextafter(number, np.float32(-np.inf)).astype(np.float64),  # below it is at most the one before
        missing_left=np.array(tree["default_left"], dtype=bool),
        value=in_column(number * np.float32(weight), column, columns),
    )


def _intercept(document: dict[str, Any], kind: type[Any]) -> NDArray[np.float32]:
    """`(K,)` or `(1,)` what XGBoost adds trees to, asked with one tree of zeros: versions make it in different ways."""
    learner = document["learner"]
    booster = learner["gradient_booster"]
    tree_booster = booster.get("gbtree", booster)
    model = tree_booster["model"]
    first = model["trees"][0]
    stump = model | {
        "trees": [first | {"split_conditions": [0.0] * len(first["split_conditions"])}],
        "tree_info": [0],
        "iteration_indptr": [0, 1],
        "gbtree_model_param": model["gbtree_model_param"] | {"num_trees": "1"},
    }
    bare = document | {"learner": learner | {"gradient_booster": tree_booster | {"model": stump}}}
    asked = kind()
    asked.load_model(bytearray(json.dumps(bare), "utf-8"))
    one = np.zeros((1, int(learner["learner_model_param"]["num_feature"])), dtype=np.float32)
    return np.asarray(asked.inplace_predict(one, predict_type="margin"), dtype=np.float32).ravel()
