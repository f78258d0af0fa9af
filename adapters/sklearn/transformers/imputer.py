"""Missing values."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adapters.compiled import refuse
from adapters.sklearn.transformers.base import Transformer


class Imputer(Transformer):
    """SimpleImputer: a missing value becomes its feature's statistic, and a feature without one is left out.

    Behind the features come the indicators, 1 where one of theirs is missing. A missing value has no gradient.
    """

    def __init__(self, estimator: Any) -> None:
        """
        Raises:
            NotWrappable: `missing_values` is no number, or it was fitted on objects.
        """
        missing = estimator.missing_values
        if not isinstance(missing, Real):
            raise refuse(estimator, f"missing_values={missing!r}", "fit it on numbers, with missing_values=np.nan")
        if estimator._fill_dtype.kind == "O":
            raise refuse(estimator, "a fit on objects", "fit it on an array of numbers")
        statistics = estimator.statistics_.astype(np.float64)
        kept = ~np.isnan(statistics) | estimator.keep_empty_features
        fill = np.where(kept, statistics, 0).astype(estimator._fill_dtype).astype(np.float64)
        marked = estimator.indicator_.features_ if estimator.add_indicator else []
        super().__init__(
            fill=torch.tensor(fill),
            kept=torch.tensor(kept.nonzero()[0]),
            marked=torch.tensor(marked, dtype=torch.int64),
        )
        self._missing = float(missing)
        self.bitwise = bool(np.isnan(self._missing) or np.float32(self._missing) == self._missing)

    def forward(self, x: Tensor) -> Tensor:
        missing = x.isnan() if np.isnan(self._missing) else x == self._missing
        filled = torch.where(missing, self._constants["fill"].to(x.dtype), x)
        return torch.cat([filled[:, self._constants["kept"]], missing[:, self._constants["marked"]].to(x.dtype)], dim=1)

    def state(self) -> Iterable[object]:
        yield from super().state()
        yield self._missing
