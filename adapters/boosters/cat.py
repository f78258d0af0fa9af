"""CatBoost's classifier."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from adapters.boosters.base import BoosterAdapter
from adapters.categories import named
from adapters.compiled import refuse, refuse_if
from adapters.errors import BLACK_BOX
from adapters.trees.arrays import TreeArrays

LOSSES = ("Logloss", "CrossEntropy", "MultiClass", "MultiClassOneVsAll")
LARGEST = float(np.finfo(np.float32).max)
OTHER_FEATURES = ("categorical_features", "text_features", "embedding_features")


class CatBoostAdapter(BoosterAdapter):
    """CatBoostClassifier: the first largest raw score; class 1 of two where its raw score is above the threshold's.

    Inputs are cast to float32 and go right where they are above the float32 border; leaf values are added in float64.
    """

    family = "catboost"
    decision = "none"
    attacked_by = "margin"
    raw_options: ClassVar[dict[str, Any]] = {"prediction_type": "RawFormulaVal"}

    def __init__(self, estimator: Any) -> None:
        model = _dump(estimator)
        features = model["features_info"]
        for kind in OTHER_FEATURES:
            if kind in features:
                where = named(estimator, [each["flat_feature_index"] for each in features[kind]])
                raise refuse(
                    estimator, f"{kind.replace('_', ' ')} in {where}", f"fit it on numbers there, or {BLACK_BOX}"
                )
        loss = model["model_info"].get("params", {}).get("loss_function", {}).get("type", "unknown")
        refuse_if(loss not in LOSSES, estimator, f"loss_function={loss!r}")
        scale, bias = model["scale_and_bias"]
        classes = len(estimator.classes_)
        refuse_if(classes < 2, estimator, "one class")
        if len(bias) != (1 if classes == 2 and not loss.startswith("Multi") else classes):
            raise refuse(estimator, "class_names that no example has", "name the classes of the examples only")
        probability = estimator.get_probability_threshold() if len(bias) == 1 else 0.5
        refuse_if(not 0 < probability < 1, estimator, f"a probability threshold of {probability}")
        self._threshold = math.log(probability) - math.log1p(-probability)
        inputs = features.get("float_features", [])
        nested = model["trees"] if "trees" in model else map(_nested, model["oblivious_trees"])
        self._one_vs_rest = loss == "MultiClassOneVsAll"
        trees = [_arrays(tree, inputs, scale) for tree in nested]
        super().__init__(estimator, trees, np.array(bias) - self._threshold)
        self.input_shape = (len(inputs),)  # which an estimator that was loaded from a file does not know

    def _estimated_raw(self, x: Tensor) -> Tensor:
        return super()._estimated_raw(x) - self._threshold

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


def _nested(tree: dict[str, Any]) -> dict[str, Any]:
    """A tree with one split a level as one of nested splits, as which CatBoost writes those of other shapes.

    Its first split is the lowest bit of a leaf's place, so the last is at the root.
    """
    splits, values = tree["splits"] or [], np.array(tree["leaf_values"])
    level: list[dict[str, Any]] = [{"value": value} for value in values.reshape(2 ** len(splits), -1)]
    for split in splits:
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [{"split": split, "left": left, "right": right} for left, right in pairs]
    return level[0]


def _arrays(tree: dict[str, Any], inputs: list[dict[str, Any]], scale: float) -> TreeArrays:
    """A tree of nested splits, its nodes level by level."""
    nodes, left, right = [tree], [], []
    for node in nodes:  # grows while it is gone through
        is_split = "split" in node
        left.append(len(nodes) if is_split else -1)
        right.append(len(nodes) + 1 if is_split else -1)
        nodes += [node["left"], node["right"]] if is_split else []
    splits = [_split(node["split"], inputs) if "split" in node else (0, 0.0, False) for node in nodes]
    feature, threshold, missing_left = map(np.array, zip(*splits, strict=True))
    none = np.zeros_like(nodes[-1]["value"])  # the last node is a leaf
    value = np.array([node.get("value", none) for node in nodes], dtype=np.float64).reshape(len(nodes), -1)
    return TreeArrays(np.array(left), np.array(right), feature, threshold, missing_left, scale * value)


def _split(split: dict[str, Any], inputs: list[dict[str, Any]]) -> tuple[int, float, bool]:
    """Feature, threshold and whether a NaN goes left, of a split that sends right what is above its border."""
    feature, border = inputs[split["float_feature_index"]], float(np.float32(split["border"]))
    if abs(border) == LARGEST:  # tells missing values from others
        border = math.copysign(math.inf, border)
    goes_right = feature["has_nans"] and feature["nan_value_treatment"] == "AsTrue"
    return feature["flat_feature_index"], border, not goes_right
