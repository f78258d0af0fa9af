"""What changes nothing."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from adapters.compiled import refuse
from adapters.sklearn.transformers.base import Transformer


class Identity(Transformer):
    """FunctionTransformer without a function, as which `passthrough` is fitted."""

    def __init__(self, estimator: Any) -> None:
        """
        Raises:
            NotWrappable: it has a function.
        """
        if estimator.func is not None:
            raise refuse(estimator, "a function")
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x
