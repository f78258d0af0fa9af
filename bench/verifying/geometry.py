"""Distances in float64 by NumPy, and how far beyond a ball rounding may lead: the judge's rule, written anew."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ULP = 2.0**-23
"""Spacing of float32 numbers, relative to their size."""
LENGTHS: dict[str, Callable[[Array], Array]] = {
    "linf": lambda delta: np.abs(delta).max(1),
    "l2": lambda delta: np.sqrt((delta * delta).sum(1)),
    "l1": lambda delta: np.abs(delta).sum(1),
    "l0": lambda delta: np.where(np.isfinite(delta).all(1), (delta != 0).sum(1), np.nan),
}
"""`(N,)` of `(N, features)` float64 perturbations, by norm."""


def flat(values: NDArray[np.float32]) -> Array:
    """`(N, features)` in float64."""
    return values.reshape(len(values), -1).astype(np.float64)


def lengths(norm: str, x: Array, moved: Array) -> Array:
    """`(N,)` distances.

    Raises:
        ValueError: a norm that is not known here.
    """
    if norm not in LENGTHS:
        raise ValueError(f"norm {norm!r} cannot be verified")
    return LENGTHS[norm](moved - x)


def outside(norm: str, x: Array, moved: Array, eps: float) -> NDArray[np.bool_]:
    """`(N,)` which lie out of the ball beyond all rounding to float32; NaN does.

    L_inf: two spacings of float32 at |x| + eps, feature by feature. L2, L1: one of each, and 1e-5 eps. L0: none.
    """
    with np.errstate(invalid="ignore"):
        if norm == "linf":
            return np.asarray(~(np.abs(moved - x) <= eps + 2 * ULP * (np.abs(x) + eps)).all(1))
        slack = np.zeros(len(x)) if norm == "l0" else LENGTHS[norm](ULP * x) + 1e-5 * eps
        return np.asarray(~(lengths(norm, x, moved) <= eps + slack))
