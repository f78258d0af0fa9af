"""Polynomial features."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, combinations_with_replacement
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from adapters.sklearn.transformers.base import Transformer


class Polynomial(Transformer):
    """PolynomialFeatures: all products of up to `degree` features, by degree, and in a degree in the order of theirs.

    A product is its first feature times the product of the others, which is one of the degree below: that is the order
    in which scikit-learn multiplies too.
    """

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
        super().__init__(**constants)

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

    def state(self) -> Iterable[object]:
        yield from super().state()
        yield from (self._least, self._most, self._bias)
