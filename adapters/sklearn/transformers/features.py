"""Features as they are, selected, filled in where they are missing, and multiplied with each other."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adapters.compiled import refuse, refuse_if
from adapters.errors import Unsupported
from adapters.sklearn.transformers.base import Transformer
from adapters.structures.base import Structure


class Identity(Transformer):
    """FunctionTransformer without a function, as which `passthrough` is fitted."""

    def __init__(self, estimator: Any) -> None:
        refuse_if(estimator.func is not None, estimator, "a function")
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x

    def opened(self, behind: Structure, features: int) -> Structure:
        return behind


class Selection(Transformer):
    """Any selector with `get_support`: the supported features, in their order."""

    def __init__(self, estimator: Any) -> None:
        super().__init__(kept=torch.tensor(estimator.get_support(indices=True)))

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self._constants["kept"]]

    def opened(self, behind: Structure, features: int) -> Structure:
        return behind.spread(self._constants["kept"].cpu(), features)


class Imputer(Transformer):
    """SimpleImputer: a missing value becomes its feature's statistic, and a feature without one is left out.

    Behind the features come the indicators, 1 where one of theirs is missing. A missing value has no gradient.
    """

    def __init__(self, estimator: Any) -> None:
        missing = estimator.missing_values
        if not isinstance(missing, Real):
            raise refuse(estimator, f"missing_values={missing!r}", "fit it on numbers, with missing_values=np.nan")
        refuse_if(estimator._fill_dtype.kind == "O", estimator, "a fit on objects", "fit it on an array of numbers")
        statistics = estimator.statistics_.astype(np.float64)
        kept = ~np.isnan(statistics) | estimator.keep_empty_features
        fill = np.where(kept, statistics, 0).astype(estimator._fill_dtype).astype(np.float64)
        marked = estimator.indicator_.features_ if estimator.add_indicator else []
        self._missing = float(missing)
        super().__init__(
            self._missing,
            fill=torch.tensor(fill),
            kept=torch.tensor(kept.nonzero()[0]),
            marked=torch.tensor(marked, dtype=torch.int64),
        )
        self.bitwise = bool(np.isnan(self._missing) or np.float32(self._missing) == self._missing)

    def forward(self, x: Tensor) -> Tensor:
        missing = x.isnan() if np.isnan(self._missing) else x == self._missing
        filled = torch.where(missing, self._constants["fill"].to(x.dtype), x)
        return torch.cat([filled[:, self._constants["kept"]], missing[:, self._constants["marked"]].to(x.dtype)], dim=1)

    def opened(self, behind: Structure, features: int) -> Structure:
        """Of inputs without missing values, which no adversary gives."""
        if not np.isnan(self._missing) or len(self._constants["marked"]):
            raise Unsupported("nothing is known to be proved of a model behind a SimpleImputer that fills in numbers")
        return behind.spread(self._constants["kept"].cpu(), features)


class Polynomial(Transformer):
    """PolynomialFeatures: all products of up to `degree` features, by degree, and in a degree in the order of theirs.

    A product is its first feature times the product of the others, which is one of the degree below: that is the order
    in which scikit-learn multiplies too.
    """

    plainly = "PolynomialFeatures"

    def __init__(self, estimator: Any) -> None:
        degree = estimator.degree
        self._least, self._most = (0, int(degree)) if isinstance(degree, Integral) else map(int, degree)
        self._bias = bool(estimator.include_bias)
        choose = combinations if estimator.interaction_only else combinations_with_replacement
        features, constants = range(estimator.n_features_in_), {}
        below: dict[tuple[int, ...], int] = {(feature,): feature for feature in features}
        for power in range(2, self._most + 1):
            terms = list(choose(features, power))
            constants[f"first{power}"] = torch.tensor([term[0] for term in terms], dtype=torch.int64)
            constants[f"others{power}"] = torch.tensor([below[term[1:]] for term in terms], dtype=torch.int64)
            below = {term: place for place, term in enumerate(terms)}
        super().__init__(self._least, self._most, self._bias, **constants)

    def forward(self, x: Tensor) -> Tensor:
        terms, product = [], x
        if self._bias:
            terms.append(torch.ones_like(x[:, :1]))
        for power in range(1, self._most + 1):
            if power > 1:
                product = x[:, self._constants[f"first{power}"]] * product[:, self._constants[f"others{power}"]]
            if power >= self._least:
                terms.append(product)
        return torch.cat(terms, dim=1)
