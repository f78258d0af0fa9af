"""Feature selection."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from adapters.sklearn.transformers.base import Transformer


class Selection(Transformer):
    """Any selector with `get_support`: the supported features, in their order."""

    def __init__(self, estimator: Any) -> None:
        super().__init__(kept=torch.tensor(estimator.get_support(indices=True)))

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self._constants["kept"]]
