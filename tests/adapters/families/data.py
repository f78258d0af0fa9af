"""The digits that families are fitted on."""

from __future__ import annotations

from functools import cache

import numpy as np
from sklearn.datasets import load_digits


@cache
def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test images in [0, 1] as float32, and their labels."""
    x, y = load_digits(return_X_y=True)
    x = (x / 16).astype(np.float32)
    return x[:700], y[:700], x[1000:1300], y[1000:1300]


def few() -> tuple[np.ndarray, np.ndarray]:
    """Sixty images and their labels, for fits that are refused."""
    x, y, _, _ = digits()
    return x[:60], y[:60]


def several_outputs() -> tuple[np.ndarray, np.ndarray]:
    """Sixty images with two labels each."""
    x, y = few()
    return x, np.stack([y, y], axis=1)


@cache
def everything() -> tuple[np.ndarray, np.ndarray]:
    """All 1,797 images in [0, 1] as float32, and their labels."""
    x, y = load_digits(return_X_y=True)
    return (x / 16).astype(np.float32), y
