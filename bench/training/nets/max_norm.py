"""The max-norm constraint: no unit's incoming weight vector leaves a ball."""

from __future__ import annotations

import torch
from torch import Tensor


def limit_norm(weight: Tensor, limit: float, dim: int | tuple[int, ...] = -1) -> None:
    """Scale down, in place, the incoming weight vectors along `dim` whose L2 norm exceeds the limit."""
    with torch.no_grad():
        norms = torch.linalg.vector_norm(weight, dim=dim, keepdim=True)
        weight.mul_((limit / norms.clamp_min(1e-12)).clamp_max(1.0))
