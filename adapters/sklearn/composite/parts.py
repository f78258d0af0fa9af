"""What all estimators made of others share.

The adapter of such an estimator holds the adapters of its parts and combines what they say by scikit-learn's rule, on
any device. A part's labels are the estimator's own, but its decision values and probabilities only nearly: where the
combined scores are closer than that can tell, the estimator itself decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from adapters.compiled import AttackLoss, Container, SklearnAdapter, settled
from adapters.errors import Unsupported
from adapters.rounding import two_sided, undecided
from adapters.structures.base import Structure
from adapters.threads import one_thread

ROUNDING = 1e-12
"""Bound on what float64 loses of probabilities, votes and their like in the few operations that combine them."""


class CompositeAdapter(SklearnAdapter):
    """An estimator made of others. A subclass sets `gradient` and its like from those of its parts.

    Every subclass raises `NotWrappable` for an estimator with a part that is not compiled.
    """

    attacked_by: AttackLoss = "margin"
    because: ClassVar[str] = "its parts are combined in no way that proofs go through"
    """Why nothing is proved of the whole, in a message."""
    _container: Container = "array"

    def __init__(self, estimator: Any, parts: Sequence[SklearnAdapter], **constants: Tensor) -> None:
        super().__init__(estimator, **constants)
        self.parts = tuple(parts)
        self.takes_missing = self.takes_missing or all(part.takes_missing for part in parts)
        self.jumps = any(part.jumps for part in parts)
        if any(part.container == "table" for part in parts):
            self.container = "table"

    @property
    def container(self) -> Container:
        """What the estimator is asked with, and its parts with it where that is an array or a matrix."""
        return self._container

    @container.setter
    def container(self, kind: Container) -> None:
        self._container = kind
        if kind in ("columns", "sparse"):
            self._hand_on(kind)

    def _hand_on(self, kind: Container) -> None:
        """Have the parts asked with such a matrix."""
        for part in self.parts:
            part.container = kind

    def _rough(self, x: Tensor) -> Tensor:
        rough = torch.zeros(len(x), dtype=torch.bool, device=x.device)
        for part, seen in zip(self.parts, self._seen(x), strict=True):
            rough |= part._rough(seen)
        return rough

    def _seen(self, x: Tensor) -> Iterator[Tensor]:
        """What each part sees of the inputs."""
        return (x for _ in self.parts)

    def _of_classes(self, decision: Tensor) -> Tensor:
        """`(N, K)` scores from decision values, whose `(N, 1)` of class 1 over class 0 may be of the only class."""
        return two_sided(decision)[:, : len(self.classes or ())]

    @one_thread()
    def _labels(self, x: Tensor, scores: Tensor, error: Tensor) -> Tensor:
        """`(N,)` first argmax of the `(N, K)` scores, the estimator's own label where their `error` leaves it open."""
        labels = scores.argmax(1)
        unsure = undecided(scores - error, scores + error) if bool((error > 0).any()) else labels[:0]
        return settled(labels, x, unsure, self._own_labels)

    def structure(self, shape: tuple[int, ...]) -> Structure:
        raise Unsupported(f"nothing is known to be proved of {self.family} models: {self.because}")

    def _state(self) -> Iterable[object]:
        yield [part.fingerprint for part in self.parts]
