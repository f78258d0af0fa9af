"""Randomness that depends on (seed, dataset, attack, draw, example) alone: never on model, epsilon, batch or order."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adapters.errors import Unsupported

if TYPE_CHECKING:
    from bench.pool import Pool

RUNS = 2**16
"""Numbers of draws that one repetition of an attack has to itself."""


class Draws:
    """Random numbers for one batch of examples, from the counter-based generator Philox (Salmon et al. 2011).

    Every example has a stream of its own, so that each model meets the same noise and comparisons are paired. Values
    are made from the raw 64-bit words, whose stream NumPy never changes.
    """

    def __init__(
        self, key: Sequence[Any], indices: NDArray[np.int64], training: Callable[[], Pool] | None = None
    ) -> None:
        """
        Args:
            key: what the stream belongs to: seed, dataset, attack and revision.
            indices: `(N,)` positions.
            training: reads the dataset's training examples, which its checksum covers; None where there are none.
        """
        digest = hashlib.sha256(repr(tuple(key)).encode()).digest()
        self._key = np.frombuffer(digest[:16], dtype=np.uint64)
        self.indices = indices
        self._training = training

    def training(self) -> Pool:
        """The dataset's training examples: read for attacks that ask, and for no others.

        Raises:
            Unsupported: it has none.
        """
        if self._training is None:
            raise Unsupported("the dataset has no training examples to start from")
        return self._training()

    def only(self, rows: NDArray[np.int64]) -> Draws:
        """Those of some examples of the batch, by their places in it: what each gets stays the same."""
        fewer = copy.copy(self)
        fewer.indices = self.indices[rows]
        return fewer

    def uniform(self, shape: tuple[int, ...], draw: int = 0) -> NDArray[np.float64]:
        """`(N, *shape)` uniform on the open interval (0, 1), in float64."""
        width = int(np.prod(shape))
        words = np.empty((len(self.indices), width), dtype=np.uint64)
        for row, index in enumerate(self.indices):
            generator = np.random.Philox(key=self._key, counter=[0, 0, int(index), draw])
            words[row] = generator.random_raw(width)
        # The middle of each of 2**53 cells: neither 0 nor 1, so that the normal quantile below is finite.
        return (((words >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53).reshape(-1, *shape)

    def normal(self, shape: tuple[int, ...], draw: int = 0) -> NDArray[np.float64]:
        """`(N, *shape)` independent standard normal, in float64."""
        from scipy.special import ndtri

        return np.asarray(ndtri(self.uniform(shape, draw)), dtype=np.float64)

    def signs(self, shape: tuple[int, ...], draw: int = 0) -> NDArray[np.float64]:
        """`(N, *shape)` -1 or +1 with equal chance, in float64."""
        return np.where(self.uniform(shape, draw) < 0.5, -1.0, 1.0)

    def classes(self, y: NDArray[np.int64], size: int, draw: int = 0) -> NDArray[np.int64]:
        """`(N,)` a class other than `y`, each of the rest with equal chance."""
        step = 1 + np.floor(self.uniform((), draw) * (size - 1)).astype(np.int64)
        return (y + step) % size
