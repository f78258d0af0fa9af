"""Features cut into bins."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adapters.sklearn.transformers.base import Transformer


class Bins(Transformer):
    """KBinsDiscretizer: the number of the bin that each feature falls into, or a column a bin with 1 at that one.

    The gradient is a surrogate's: at an edge e the number grows by the share (1 + z / (1 + |z|)) / 2 of one, z = (x -
    e) / T, as at the relaxed splits of trees; a bin's column is the difference of the shares at its two edges.
    """

    plainly = "a KBinsDiscretizer"
    gradient = "surrogate"
    temperature = 0.3
    """T as a share of a feature's mean width of a bin."""

    def __init__(self, estimator: Any) -> None:
        inner = [np.asarray(edges[1:-1], dtype=np.float64) for edges in estimator.bin_edges_]
        counts = np.array([len(edges) for edges in inner])
        widths = [np.ptp(edges) / (len(edges) - 1) if len(edges) > 2 else 1 for edges in estimator.bin_edges_]
        padded = np.full((len(inner), max(1, *counts)), np.inf)
        for row, edges in zip(padded, inner, strict=True):
            row[: len(edges)] = edges
        starts, always, never = np.append(0, np.cumsum(counts)), counts.sum(), counts.sum() + 1
        lower = [np.append(always, np.arange(low, high)) for low, high in pairwise(starts)]
        upper = [np.append(np.arange(low, high), never) for low, high in pairwise(starts)]
        self._by_column = estimator.encode != "ordinal"
        self._dtype = None if estimator.dtype is None else torch.as_tensor(np.empty(0, estimator.dtype)).dtype
        super().__init__(
            self._by_column,
            str(self._dtype),
            padded=torch.tensor(padded),
            edges=torch.tensor(np.concatenate(inner)),
            widths=torch.tensor(np.repeat(widths, counts)) * self.temperature,
            features=torch.tensor(np.repeat(np.arange(len(inner)), counts)),
            lower=torch.tensor(np.concatenate(lower)),
            upper=torch.tensor(np.concatenate(upper)),
            first=torch.tensor(starts[:-1] + np.arange(len(inner))),
        )
        self.bitwise = estimator.encode != "onehot"

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self._dtype or x.dtype)
        wide = x.double().T.contiguous()
        numbers = torch.searchsorted(self._constants["padded"], wide, right=True).T
        if not self._by_column:
            return numbers.to(x.dtype)
        columns = x.new_zeros(len(x), len(self._constants["lower"]))
        return columns.scatter_(1, numbers + self._constants["first"], 1)

    def relaxed(self, x: Tensor) -> Tensor:
        edges, widths = self._constants["edges"].to(x.dtype), self._constants["widths"].to(x.dtype)
        far = (x[:, self._constants["features"]] - edges) / widths
        shares = (0.5 + far.relu()) / (1 + far.abs())
        if not self._by_column:
            return torch.zeros_like(x).index_add(1, self._constants["features"], shares)
        steps = torch.cat([shares, torch.ones_like(x[:, :1]), torch.zeros_like(x[:, :1])], dim=1)
        return steps[:, self._constants["lower"]] - steps[:, self._constants["upper"]]
