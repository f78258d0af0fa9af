"""Columns of categories: from the values that a fitted estimator knows to the codes that it goes by.

A table's column of categories reaches an adapter as numbers, so the categories must be numbers; those of a float32
batch are the ones that round to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapters.compiled import refuse


def named(estimator: Any, columns: Iterable[int]) -> str:
    """Such as `column 'city'` or `columns 0 and 3`: by their names in the table that the estimator was fitted on."""
    names = getattr(estimator, "feature_names_in_", getattr(estimator, "feature_names_", None))
    shown = [str(column) if names is None else repr(str(names[column])) for column in columns] or ["none"]
    return f"column{'s' if len(shown) > 1 else ''} {' and '.join(filter(None, [', '.join(shown[:-1]), shown[-1]]))}"


def numbers(estimator: Any, column: int, known: Sequence[Any]) -> NDArray[np.float64]:
    """`(C,)` the categories of a column as numbers, a missing one as NaN.

    Raises:
        NotWrappable: some are no numbers, or float32 does not tell two of them apart.
    """
    where = named(estimator, [column])
    values = np.asarray(known)
    if values.dtype.kind == "O" and all(isinstance(value, (bool, int, float, np.generic)) for value in values):
        values = np.array([float(value) for value in values])
    if values.dtype.kind not in "biuf":
        shown = re.sub(r"\s+", " ", repr(str(values[0])))[:30]
        remedy = "encode them as numbers before the fit"
        raise refuse(estimator, f"categories that are not numbers in {where}, such as {shown}", remedy)
    wide = values.astype(np.float64)
    given = wide[~np.isnan(wide)]
    if len(np.unique(given.astype(np.float32))) < len(np.unique(given)):
        remedy = "number them from 0 before the fit"
        raise refuse(estimator, f"categories in {where} that float32 does not tell apart", remedy)
    return wide


def found(known: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
    """`(N,)` places of given values among `(C,)` ascending known ones, and whether they are among them at all."""
    near = known.to(given.dtype)
    place = torch.searchsorted(near, given.contiguous()).clamp_max(len(known) - 1)
    return place, near[place] == given
