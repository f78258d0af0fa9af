"""LightGBM's classifier."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapters.boosters.base import BoosterAdapter
from adapters.categories import found, named, numbers
from adapters.compiled import refuse, refuse_if
from adapters.rounding import gap
from adapters.trees.arrays import TreeArrays, in_column

ZERO = float(np.float32(1e-35))
"""Inputs no larger than this are zero to LightGBM."""
HUGE = 1e300
"""What LightGBM writes for infinite."""
CATEGORICAL, DEFAULT_LEFT, MISSING_ZERO, MISSING_NAN = 1, 2, 4, 8
"""Bits of `decision_type`."""


class LightGBMAdapter(BoosterAdapter):
    """LGBMClassifier: the first largest probability.

    Inputs are compared in float64 and go left where they are at most the threshold; leaf values are added in float64.
    A missing value is zero at splits that saw none in training. A categorical split sends some whole numbers to the
    left and everything else to the right, without a gradient. Of a fit on a table with columns of the category type
    those numbers are codes: inputs hold the categories themselves, as the table does, and are turned into codes here.
    """

    family = "lightgbm"
    raw_options: ClassVar[dict[str, Any]] = {"raw_score": True}

    def __init__(self, estimator: Any) -> None:
        refuse_if(estimator.get_params().get("pred_early_stop"), estimator, "pred_early_stop=True")
        refuse_if(len(estimator.classes_) < 2, estimator, "one class")
        head, *dumped = estimator.booster_.model_to_string().split("\nend of trees")[0].split("\nTree=")
        header = _fields(head)
        objective, *options = header.get("objective", "of its own").split(" ")
        if objective not in ("binary", "multiclass", "multiclassova", "cross_entropy"):
            raise refuse(estimator, f"objective {header.get('objective', 'of its own')}")
        sigmoid = float(dict(option.split(":") for option in options).get("sigmoid", 1))
        columns = int(header["num_tree_per_iteration"])
        averaged = len(dumped) // columns if "average_output" in header else 1
        fields = [_fields(tree) for tree in dumped]
        refuse_if(any(tree.get("is_linear", "0") != "0" for tree in fields), estimator, "linear_tree=True")
        if any((_numbers(tree, "decision_type", np.int64) & MISSING_ZERO).any() for tree in fields):
            raise refuse(estimator, "zero_as_missing=True", "give NaN where a value is missing")
        trees = [_arrays(tree, place % columns, columns) for place, tree in enumerate(fields)]
        self._coded = _coded_columns(estimator)
        by_category = torch.zeros(int(estimator.n_features_in_), dtype=torch.bool)
        for tree in trees:
            by_category[tree.feature[tree.is_categorical]] = True
        self._sharpness, self._one_vs_rest = sigmoid / averaged, objective == "multiclassova"
        super().__init__(estimator, trees, np.zeros(columns), np.float64)
        self._constants["by_category"] = by_category
        self.recodes = bool(self._coded)
        for column, known in self._coded.items():
            order = np.argsort(known)
            self._constants |= {
                f"categories{column}": torch.tensor(known[order]),
                f"codes{column}": torch.tensor(order, dtype=torch.float64),
            }
        if columns == 2 or not hasattr(estimator, "decision_function"):
            self.decision = "none"

    def _walked(self, x: Tensor) -> Tensor:
        return super()._walked(torch.where(x.abs() <= ZERO, 0, x))

    @property
    def _compared(self) -> Mapping[str, Tensor]:
        """With thresholds that are told tiny inputs as they are, and treat them as LightGBM treats zero."""
        threshold = self._constants["threshold"]
        tiny = threshold.abs() < ZERO
        upper = torch.where((threshold >= 0) & tiny, ZERO, threshold)
        below = torch.tensor(-ZERO, dtype=threshold.dtype).nextafter(torch.tensor(-torch.inf, dtype=threshold.dtype))
        return {**self._constants, "threshold": torch.where((threshold < 0) & (threshold >= -ZERO), below, upper)}

    def _encoded(self, x: Tensor) -> Tensor:
        x = self._in_codes(x)
        if "left_categories" not in self._constants:
            return x
        code = x.detach().trunc()
        code = torch.where((code >= 0) & (code < self._constant("left_categories").shape[1]), code, torch.nan)
        return torch.where(self._constant("by_category"), code, x)

    def _in_codes(self, x: Tensor) -> Tensor:
        """`x` with codes in place of categories, NaN for unknown ones, as LightGBM makes them of a table."""
        if not self._coded:
            return x
        coded = x.clone()
        for column in self._coded:
            place, is_known = found(self._constant(f"categories{column}"), x.detach()[:, column])
            coded[:, column] = torch.where(is_known, self._constant(f"codes{column}", x.dtype)[place], torch.nan)
        return coded

    def _as_input(self, x: Tensor) -> Any:
        return super()._as_input(self._in_codes(x.detach()))

    def _lead(self, raw: Tensor) -> Tensor:
        # The label is the largest of rounded probabilities, which in one-vs-all are equal where several are sure.
        return gap(self._log_link(raw).exp()) / max(1.0, self._sharpness)


def _coded_columns(estimator: Any) -> dict[int, NDArray[np.float64]]:
    """Column -> its categories in the order of their codes, of a fit on a table with columns of the category type.

    LightGBM keeps the categories of those columns in order, and of which columns splits go by category; ordered
    categories are codes too, without being among these, and then nothing tells which column is which.
    """
    known = estimator.booster_.pandas_categorical or []
    text = estimator.booster_.model_to_string()
    line = re.search(r"^\[categorical_feature: ([\d,]*)\]$", text, re.MULTILINE)
    columns = sorted(int(column) for column in (line[1] if line else "").split(",") if column)
    if not known:
        return {}
    if len(known) != len(columns):
        what = f"{len(known)} columns of the category type, of which {named(estimator, columns) if columns else 'none'}"
        raise refuse(estimator, f"{what} alone splits by category", "give it ordered ones as numbers, column.cat.codes")
    return {column: numbers(estimator, column, values) for column, values in zip(columns, known, strict=True)}


def _fields(text: str) -> dict[str, str]:
    """`key=value` lines of a part of LightGBM's model file; a key alone stands for itself."""
    return {key: value for key, _, value in (line.partition("=") for line in text.splitlines())}


def _numbers(tree: dict[str, str], key: str, kind: type[np.generic]) -> NDArray[Any]:
    """The numbers of a line; none where the tree lacks it, as one without splits does."""
    return np.array(tree.get(key, "").split(), dtype=np.float64).astype(kind)


def _arrays(tree: dict[str, str], column: int, columns: int) -> TreeArrays:
    """One tree of the model file, which adds to one column: splits first, then leaves, whose index it gives negated."""
    leaf_value = _numbers(tree, "leaf_value", np.float64)
    feature, decision = _numbers(tree, "split_feature", np.int64), _numbers(tree, "decision_type", np.int64)
    splits, leaves = len(feature), len(leaf_value)
    threshold = _numbers(tree, "threshold", np.float64)
    threshold = np.where(np.abs(threshold) < HUGE, threshold, np.copysign(np.inf, threshold))
    is_categorical = (decision & CATEGORICAL) > 0
    missing_left = np.where(decision & MISSING_NAN, (decision & DEFAULT_LEFT) > 0, threshold >= 0) & ~is_categorical
    children = [_numbers(tree, side, np.int64) for side in ("left_child", "right_child")]
    left, right = (np.where(child < 0, splits + ~child, child) for child in children)
    return TreeArrays(
        left=np.append(left, np.full(leaves, -1)),
        right=np.append(right, np.full(leaves, -1)),
        feature=np.append(feature, np.zeros(leaves, dtype=np.int64)),
        threshold=np.append(threshold, np.zeros(leaves)),
        missing_left=np.append(missing_left, np.zeros(leaves, dtype=bool)),
        value=in_column(np.append(np.zeros(splits), leaf_value), column, columns),
        category_row=np.append(np.where(is_categorical, threshold, -1).astype(np.int64), np.full(leaves, -1)),
        left_categories=_categories_of(tree) if is_categorical.any() else None,
    )


def _categories_of(tree: dict[str, str]) -> NDArray[np.bool_]:
    """`(R, C)` whether a category goes left, of the bits of 32 categories a number."""
    words, ends = _numbers(tree, "cat_threshold", np.uint32), _numbers(tree, "cat_boundaries", np.int64)
    table = np.zeros((len(ends) - 1, int(np.diff(ends).max())), dtype="<u4")
    for row, (begin, end) in enumerate(pairwise(ends)):
        table[row, : end - begin] = words[begin:end]
    return np.unpackbits(table.view(np.uint8), axis=1, bitorder="little").astype(bool)
