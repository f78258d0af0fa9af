"""Which examples a slice is, from its seed and the labels alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bench.records.cell import Slice


def indices(part: Slice, labels: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """`(n,)` positions in the split of a slice's examples, ascending.

    A sample is stratified: of k classes, one with a share s of the examples keeps it to within (1 + k s) / 2 examples.
    """
    if part.sample is None:
        return np.arange(part.start, part.stop, dtype=np.int64)
    assert labels is not None
    generator = np.random.Philox(key=part.sample % 2**128)  # of a seed below 0 or far above, the low bits
    ranks = generator.random_raw(len(labels))
    # Each example's place within its own class, in random order, as a share of the class: taking the smallest shares
    # takes the same share of every class.
    place = np.empty(len(labels))
    for value in np.unique(labels):
        members = np.flatnonzero(labels == value)
        order = np.argsort(ranks[members], kind="stable")
        place[members[order]] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(np.lexsort((ranks, place))[: part.n]).astype(np.int64)
