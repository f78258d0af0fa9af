"""What the dataset tests import: the shape of an IDX file, written by its definition, and the type of a fixture."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

Refuses = Callable[..., AbstractContextManager[None]]
"""`refuses("part", ...)` expects a UsageError of one line that names every part."""


def packed_idx(array: NDArray[np.uint8]) -> bytes:
    """An IDX file's content."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
