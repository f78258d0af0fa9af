"""Adversarial images as files of 8 bits: rounded towards the clean image, so that they stay within every ball."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.datasets.base import Dataset

LEVELS = 255


def is_image(dataset: Dataset) -> bool:
    """Whether examples are pixels in [0, 1] of one or three channels."""
    shape = dataset.input_shape
    return len(shape) == 3 and shape[0] in (1, 3) and dataset.bounds == (0.0, 1.0)


def rounded(x: NDArray[np.float32], moved: NDArray[np.float32]) -> NDArray[np.uint8]:
    """`(N, C, H, W)` levels, none of which lies farther from the clean pixel than the adversarial one does.

    Rounding to the nearest level would leave the ball: at eps 0.3 that is 77/255 = 0.30196.

    Args:
        x: `(N, C, H, W)` clean images, themselves of 8 bits: of others no level may be as near.
        moved: the adversarial ones, in [0, 1].
    """
    clean, far = x.astype(np.float64), moved.astype(np.float64)
    levels = np.rint(far * LEVELS)
    values = (levels / LEVELS).astype(np.float32).astype(np.float64)
    beyond = np.abs(values - clean) > np.abs(far - clean)
    return np.asarray(np.clip(levels - beyond * np.sign(values - clean), 0, LEVELS), dtype=np.uint8)


def pixels(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a model is shown of such a file."""
    return levels.astype(np.float32) / np.float32(LEVELS)
