"""Features as they are: all of them, or those selected."""

from __future__ import annotations

from typing import Any

import torch
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


class Selection(Transformer):
    """Any selector with `get_support`: the supported features, in their order."""

    def __init__(self, estimator: Any) -> None:
        super().__init__(kept=torch.tensor(estimator.get_support(indices=True)))

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self._constants["kept"]]
