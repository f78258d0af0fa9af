"""What counts of a peer's candidate: our own judge's rules, example by example."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapters.base import Adapter
from bench.threats import Threat

BATCH = 500


def fooled(adapter: Adapter, x: Tensor, y: Tensor, candidates: Tensor, eps: float) -> NDArray[np.bool_]:
    """`(N,)` which examples are mislabelled as they are, or by a candidate that is finite, in range and in the ball.

    Of a peer that looks for the nearest point at any distance its candidate projected onto the ball counts as well, as
    with foolbox.

    Args:
        adapter: the model, asked for its own labels.
        x: `(N, *shape)` the examples, float32 in [0, 1].
        y: `(N,)` their classes.
        candidates: of `x`'s shape, in any precision.
        eps: radius of the ball, L_inf.
    """
    threat = Threat(norm="linf", eps=eps, clip=(0.0, 1.0))
    given = candidates.float().view_as(x)
    found = wrong(adapter, x, y) | (allowed(x, given, threat) & wrong(adapter, given, y))
    finite = given.isfinite().flatten(1).all(1)
    drawn = threat.project(x, given.where(given.isfinite(), x))
    found |= finite & allowed(x, drawn, threat) & wrong(adapter, drawn, y)
    return found.numpy()


def allowed(x: Tensor, candidates: Tensor, threat: Threat) -> Tensor:
    """`(N,)` whether each candidate is finite, within the range, and in float64 within the ball. NaN is outside."""
    flat = candidates.flatten(1)
    low, high = threat.clip or (-torch.inf, torch.inf)
    inside = (flat.isfinite() & (flat >= low) & (flat <= high)).all(1)
    if threat.eps is None:
        return inside
    safe = candidates.where(candidates.isfinite(), x)
    return inside & (threat.violation(x, safe) <= 0)


def wrong(adapter: Adapter, points: Tensor, y: Tensor) -> Tensor:
    """`(N,)` whether the model's own label is another; points that are not finite have none."""
    safe = points.nan_to_num(0.0, 0.0, 0.0)
    return torch.cat([adapter.predict(batch) for batch in safe.split(BATCH)]) != y


def distances(adapter: Adapter, x: Tensor, y: Tensor, candidates: Tensor, norm: str) -> Tensor:
    """`(N,)` float64 how far each success lies; infinite where a candidate is none, 0 where none is needed."""
    threat = Threat(norm=norm, clip=(0.0, 1.0))
    given = candidates.float().view_as(x)
    good = allowed(x, given, threat) & wrong(adapter, given, y)
    found = threat.distance(x, given.where(given.isfinite(), x)).double()
    return found.where(good, torch.inf).where(~wrong(adapter, x, y), 0.0)
