"""How a slice is cut into parts, and a part into batches: one way for every model, on resume, and on any machine."""

from __future__ import annotations

import hashlib
from math import ceil

import numpy as np
from numpy.typing import NDArray

from bench.records.cell import Craft
from bench.records.identity import canonical

PART = 1000
"""Examples in a part: what a kill can cost."""
MOST = 500
"""Examples that a target is shown at once, at most."""
FEW, SMALL = 3, 40
"""Batches of a part that would go into one, at most, and examples in each, or so."""


def parts(n: int) -> int:
    """Number of parts of a slice of `n` examples."""
    return max(1, ceil(n / PART))


def part_of(chosen: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """The examples of one part."""
    return chosen[number * PART : (number + 1) * PART]


def batches(craft: Craft, number: int, n: int, most: int = MOST) -> list[NDArray[np.int64]]:
    """Places within a part, batch by batch: shuffled, and in batches of varying size.

    They follow from the seed, the dataset and the part alone, so that every model is shown the same batches, and none
    can tell an example by its place.

    Args:
        craft: whose slice.
        number: of the part.
        n: examples in the part.
        most: examples in a batch, at most.
    """
    key = canonical([craft.seed, craft.dataset.checksum, craft.slice, number])
    words = np.frombuffer(hashlib.sha256(key.encode()).digest()[:16], dtype=np.uint64)
    raw = np.random.Philox(key=words).random_raw(2 * n)
    order = np.argsort(raw[:n], kind="stable")
    # As many batches as 80% of the largest size makes, and of few examples still some; each by up to a quarter larger
    # or smaller than the others.
    count = min(n, ceil(n / (0.8 * most)) if n > most else min(FEW, ceil(n / SMALL)))
    weights = 0.75 + 0.5 * (raw[n : n + count] >> np.uint64(11)) * 2.0**-53
    ends = np.rint(np.cumsum(weights / weights.sum()) * n).astype(np.int64)
    cut = [part for part in np.split(order, ends[:-1]) if len(part)]
    return [piece for part in cut for piece in np.array_split(part, ceil(len(part) / most))]
