"""CatBoost's classifier."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapters.boosters.base import BoosterAdapter
from adapters.compiled import refuse
from adapters.trees.arrays import TreeArrays

LOSSES = ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll")
OTHER_FEATURES = ("categorical_features", "text_features", "embedding_features")


class CatBoostAdapter(BoosterAdapter):
    """CatBoostClassifier: the first largest raw score; class 1 of two where its raw score is above the threshold's.

    Inputs are cast to float32 and go right where they are above the float32 border; leaf values are added in float64.
    """

    family = "catboost"
    decision = "none"
    attacked_by = "margin"

    def __init__(self, estimator: Any) -> None:
        """
        Raises:
            NotWrappable: categorical, text or embedding features, a loss other than logistic, softmax or one-vs-all,
                one class, or named classes that no example had.
        """
        model = _dump(estimator)
        features = model["features_info"]
        if others := [kind for kind in OTHER_FEATURES if kind in features]:
            raise refuse(estimator, others[0].replace("_", " "))
        loss = model["model_info"].get("params", {}).get("loss_function", {}).get("type", "unknown")
        if loss not in LOSSES:
            raise refuse(estimator, f"loss_function={loss!r}")
        scale, bias = model["scale_and_bias"]
        classes = len(estimator.classes_)
        if classes < 2:
            raise refuse(estimator, "one class")
        if len(bias) != (1 if classes == 2 and not loss.startswith("Multi") else classes):
            raise refuse(estimator, "class_names that no example has", "name the classes of the examples only")
        probability = estimator.get_probability_threshold() if len(bias) == 1 else 0.5
        if not 0 < probability < 1:
            raise refuse(estimator, f"a probability threshold of {probability}")
        self._threshold = math.log(probability) - math.log1p(-probability)
        inputs = features.get("float_features", [])
        if "oblivious_trees" in model:
            trees = [_oblivious(tree, inputs, scale, len(bias)) for tree in model["oblivious_trees"]]
        else:
            trees = [_any_shape(tree, inputs, scale) for tree in model["trees"]]
        super().__init__(estimator, trees, np.array(bias) - self._threshold, one_vs_rest=loss == "MultiClassOneVsAll")
        self.input_shape = (len(inputs),)  # which an estimator that was loaded from a file does not know

    def _estimated_raw(self, x: Tensor) -> Tensor:
        return self._raw_by(x, prediction_type="RawFormulaVal") - self._threshold

    def _log_link(self, raw: Tensor) -> Tensor:
        return super()._log_link(raw + self._threshold)

    def _own_labels(self, x: Tensor) -> Tensor:
        # In the order given by `class_names`, and one a row.
        order = np.argsort(self.estimator.classes_)
        places = np.searchsorted(self.estimator.classes_, self._ask("predict", x).ravel(), sorter=order)
        return torch.as_tensor(order[places], dtype=torch.int64, device=x.device)

    def _state(self) -> Iterable[object]:
        yield from super()._state()
        yield self._threshold


def _dump(estimator: Any) -> dict[str, Any]:
    """The model as CatBoost writes it, with all digits."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.json")
        estimator.save_model(str(path), format="json")
        model: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return model


def _oblivious(tree: dict[str, Any], inputs: list[dict[str, Any]], scale: float, columns: int) -> TreeArrays:
    """A tree with one split a level: the first is the lowest bit of a leaf's place, so the last is at the root."""
    levels = [_split(split, inputs) for split in reversed(tree["splits"] or [])]
    leaves = 2 ** len(levels)
    # Nodes follow level by level, the leaves last.
    splits = [split for level, split in enumerate(levels) for _ in range(2**level)] + [(0, 0.0, False)] * leaves
    first_child = 2 * np.arange(2 * leaves - 1) + 1
    is_leaf = first_child >= 2 * leaves - 1
    value = np.zeros((2 * leaves - 1, columns))
    value[is_leaf] = scale * np.array(tree["leaf_values"]).reshape(leaves, columns)
    left, right = (np.where(is_leaf, -1, first_child + side) for side in (0, 1))
    return TreeArrays(left, right, *_columns(splits), value)


def _any_shape(tree: dict[str, Any], inputs: list[dict[str, Any]], scale: float) -> TreeArrays:
    """A tree of nested splits, as other growing policies make it."""
    nodes, left, right = [tree], [], []
    for node in nodes:  # grows while it is gone through
        is_split = "split" in node
        left.append(len(nodes) if is_split else -1)
        right.append(len(nodes) + 1 if is_split else -1)
        nodes += [node["left"], node["right"]] if is_split else []
    splits = [_split(node["split"], inputs) if "split" in node else (0, 0.0, False) for node in nodes]
    none = np.zeros(np.size(next(node["value"] for node in nodes if "value" in node)))
    value = scale * np.array([np.ravel(node.get("value", none)) for node in nodes])
    return TreeArrays(np.array(left), np.array(right), *_columns(splits), value)


def _columns(splits: list[tuple[int, float, bool]]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Features, thresholds and directions of missing values, of what `_split` says of each node."""
    feature, threshold, missing_left = map(np.array, zip(*splits, strict=True))
    return feature, threshold, missing_left


def _split(split: dict[str, Any], inputs: list[dict[str, Any]]) -> tuple[int, float, bool]:
    """Feature, threshold and whether a NaN goes left, of a split that sends right what is above its border."""
    feature, border = inputs[split["float_feature_index"]], np.float32(split["border"])
    if abs(border) == np.finfo(np.float32).max:  # tells missing values from others
        border = np.copysign(np.float32(np.inf), border)
    goes_right = feature["has_nans"] and feature["nan_value_treatment"] == "AsTrue"
    return feature["flat_feature_index"], float(border), not goes_right
