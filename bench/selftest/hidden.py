"""Masked copies: the same labels without the gradient. Whoever goes by gradients alone finds them robust."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from torch import Tensor

from adapters.base import Adapter, GradientKind, Outputs


class Hidden(Adapter):
    """A model that nobody can see into: it gives labels alone, or with them a gradient that is 0 everywhere."""

    family: ClassVar[str] = "hidden"

    def __init__(self, inner: Adapter, gradient: GradientKind) -> None:
        super().__init__(input_shape=inner.input_shape, classes=inner.classes)
        self.inner, self.gradient = inner, gradient

    def _outputs(self, x: Tensor) -> Outputs:
        return Outputs(self.inner.outputs(x).labels, None, None)

    def _logits(self, x: Tensor) -> Tensor:
        scores = self.inner.logits(x)
        return scores.detach() + 0 * scores

    def _state(self) -> Iterable[object]:
        return self.inner.fingerprint, self.gradient
