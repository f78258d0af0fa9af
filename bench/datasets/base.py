"""What a dataset is: labelled examples that know their shape, units, range, class names and checksum."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import UsageError, unknown

Arrays = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Dataset:
    """A named dataset. Making one reads no examples; the first use of a split does."""

    name: str
    input_shape: tuple[int, ...]
    """Shape of one example; images are `(C, H, W)`."""
    classes: tuple[str, ...]
    """Class names in label order."""
    sizes: Mapping[str, int]
    """Number of examples in each split."""
    checksum: str
    """SHA-256, in hex, of the data that the numbers stand on; part of every result's identity."""
    read: Callable[[str], Arrays] = field(repr=False, compare=False)
    """`read(split)` gives the examples as stored, `(N, *input_shape)`, and their labels, `(N,)` integers."""
    divisor: float = 1.0
    """Stored values are divided by this, in float32, to give the declared units."""
    low: float = 0.0
    """Least value of a feature; -inf, and `high` inf, in units that have no range."""
    high: float = 1.0
    units: str = "pixel intensity"
    source: str = ""
    licence: str = ""
    note: str = ""
    """What a reader of a result must know of this copy, such as a lossy re-encoding."""
    _splits: dict[str, Arrays] = field(default_factory=dict, init=False, repr=False, compare=False)

    def stored(self, split: str) -> Arrays:
        """Examples as stored and labels as int64, both read-only; read once, and held to what the dataset declares.

        Raises UsageError for an unknown split and for data that are not as declared.
        """
        if split not in self._splits:
            if split not in self.sizes:
                raise unknown("split", split, self.sizes)
            self._splits[split] = self._checked(split, *self.read(split))
        return self._splits[split]

    def _checked(self, split: str, examples: NDArray[Any], labels: NDArray[Any]) -> Arrays:
        expected = (self.sizes[split], *self.input_shape)
        if examples.shape != expected or labels.shape != expected[:1]:
            raise UsageError(
                f"dataset {self.name!r} declares {split} examples of shape {expected} with a label each, but reads "
                f"{examples.shape} and {labels.shape}; correct its declaration or its files"
            )
        strange = labels[(labels < 0) | (labels >= len(self.classes))]
        if strange.size:
            raise UsageError(
                f"dataset {self.name!r} has {len(self.classes)} classes, but label {strange[0]} in its {split} split; "
                "labels count from 0"
            )
        examples, labels = examples.view(np.ndarray), labels.astype(np.int64)
        examples.flags.writeable = labels.flags.writeable = False  # one copy serves every model and attack
        return examples, labels

    def labels(self, split: str) -> NDArray[np.int64]:
        """`(N,)` class indices of a split."""
        return self.stored(split)[1]

    def examples(self, split: str, indices: NDArray[np.integer[Any]] | slice) -> NDArray[np.float32]:
        """`(n, *input_shape)` float32 in the declared units: the one preprocessing path of the whole project."""
        batch: NDArray[np.float32] = self.stored(split)[0][indices].astype(np.float32)
        batch /= np.float32(self.divisor)
        return batch

    @cached_property
    def features(self) -> int:
        """Number of features of one example."""
        return int(np.prod(self.input_shape))

    @property
    def bounds(self) -> tuple[float, float] | None:
        """What an adversary who keeps to the range is clipped to; None where there is no range to keep to."""
        return (self.low, self.high) if np.isfinite((self.low, self.high)).all() else None
