"""A source that counts what an attack asks of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor

from adapters.base import Adapter, Loss, Outputs
from adapters.structures.base import Structure
from bench.records.record import Costs


class Metered(Adapter):
    """The same model, counting examples: attacks are told what they cost by nobody but the judge."""

    def __init__(self, inner: Adapter) -> None:
        super().__init__(input_shape=None, classes=inner.classes, bounds=inner.bounds)
        self.family = inner.family  # type: ignore[misc]  # an instance speaks for the model that it counts for
        self.inner = inner
        self.gradient = inner.gradient
        self.confidence_kind = inner.confidence_kind
        self.known_classes = inner.known_classes
        self.takes_missing = inner.takes_missing
        self.device = inner.device
        self.stochastic = inner.stochastic  # or attacks would take one answer for the model's last word
        self.forwards = self.gradients = self.queries = 0

    @property
    def logits_decide(self) -> bool:
        return self.inner.logits_decide

    def costs(self) -> Costs:
        """What was asked since the last call."""
        found = Costs(forwards=self.forwards, gradients=self.gradients, queries=self.queries)
        self.forwards = self.gradients = self.queries = 0
        return found

    def outputs(self, x: Tensor) -> Outputs:
        self.queries += len(x)
        return self.inner.outputs(x)

    def logits(self, x: Tensor) -> Tensor:
        self.forwards += len(x)
        return self.inner.logits(x)

    def loss(self, x: Tensor, y: Tensor, kind: Loss = "training") -> Tensor:
        self.forwards += len(x)
        return self.inner.loss(x, y, kind)

    def input_gradient(self, x: Tensor, y: Tensor, loss: Loss = "training") -> Tensor:
        self.gradients += len(x)
        return self.inner.input_gradient(x, y, loss)

    def slope(self, x: Tensor, value: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        self.gradients += len(x)
        return self.inner.slope(x, value)

    def structure(self, shape: tuple[int, ...]) -> Structure:
        return self.inner.structure(shape)

    def reference_predict(self, x: Tensor) -> Tensor:
        self.queries += len(x)
        return self.inner.reference_predict(x)

    def _outputs(self, x: Tensor) -> Outputs:
        return self.outputs(x)

    def _state(self) -> Iterable[object]:
        yield self.inner.fingerprint
