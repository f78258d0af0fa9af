"""What all structures have in common."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Self

from torch import Tensor

from adapters.errors import Unsupported

MOST = 2**31
"""Classes, at most."""


@dataclasses.dataclass(frozen=True)
class Structure(ABC):
    """All that decides the labels of a model: the class of the first largest of `scores` is its label.

    The arithmetic is exact, or in float64; `roundoff` says how far the model's own may be from it. The fields are
    tensors, numbers, texts, and tuples of them or of other dataclasses of a structure's module: what can travel from
    another process (see `adapters.structures.wire`).
    """

    kind: ClassVar[str]

    classes: tuple[int, ...]
    """Which class each column of the scores is of."""

    def __post_init__(self) -> None:
        """Raise ValueError unless the classes are distinct indices. It may come from a stranger's process."""
        if not self.classes or len(set(self.classes)) < len(self.classes):
            raise ValueError("its classes are none, or one twice")
        if not all(0 <= index < MOST for index in self.classes):
            raise ValueError("a class is no index of one")

    @abstractmethod
    def scores(self, x: Tensor) -> Tensor:
        """`(N, len(classes))` float64 scores of `(N, *any shape)` inputs in the dataset's units."""

    @abstractmethod
    def roundoff(self, x: Tensor) -> Tensor:
        """`(N,)` float64 how far rounding may take a difference of two of the model's own scores from theirs here."""

    @property
    def risk(self) -> float:
        """Probability that what is proved of an example is wrong, at most: 0 but of what is known by sampling."""
        return 0.0

    def asking(self, votes: Callable[[Tensor], Tensor]) -> Self:
        """The same where the model itself is to be asked for its scores, and otherwise itself.

        Args:
            votes: gives `(N, K)` scores of `(N, *input_shape)` inputs, a column a class of the dataset.
        """
        return self

    def scaled(self, slope: Tensor, offset: Tensor) -> Structure:
        """The same of inputs in other units: shown `slope * x + offset`, each `(features,)` float64, in float32.

        Raises:
            Unsupported: that is not known of this kind.
        """
        raise Unsupported(f"no exact answer is known of a {self.kind} behind a scaling")

    def spread(self, places: Tensor, features: int) -> Structure:
        """The same of inputs of `features` features, of which it is shown those at `places`, `(its own,)` int64.

        Raises:
            Unsupported: that is not known of this kind.
        """
        raise Unsupported(f"no exact answer is known of a {self.kind} that is shown some of the features")

    def named(self, positions: Sequence[int]) -> Self:
        """The same with class `positions[k]` in place of each class k."""
        return dataclasses.replace(self, classes=tuple(int(positions[k]) for k in self.classes))
