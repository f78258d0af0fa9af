"""Any model that takes its inputs in other units than the dataset's."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from adapters.around import Around
from adapters.base import Adapter, Outputs
from adapters.scaling import Scaling
from adapters.structures.base import Structure


class Scaled(Around):
    """A model that is shown `(x * scale - mean) / std`: the perturbation stays in the units of `x`.

    The arithmetic is that of the batch, so of float32 inputs the labels are those of `predict(x * scale)` as NumPy
    computes it of a float32 array.
    """

    def __init__(self, inner: Adapter, scaling: Scaling) -> None:
        """Its bounds are those of the dataset's units: not the inner model's, which has its own."""
        super().__init__(input_shape=inner.input_shape, classes=inner.classes)
        for said in ("family", "gradient", "confidence_kind", "stochastic", "takes_missing", "notes", "device"):
            setattr(self, said, getattr(inner, said))  # an instance speaks for the model that it wraps
        self.known_classes = inner.known_classes
        self.inner, self.scaling = inner, scaling

    @property
    def logits_decide(self) -> bool:
        return self.inner.logits_decide

    def around(self, inner: Adapter) -> Scaled:
        """The same scaling and bounds around the model once more, of which more may be known by now."""
        scaled = Scaled(inner, self.scaling)
        scaled.bounds, scaled.classes = self.bounds, self.classes
        return scaled

    def _outputs(self, x: Tensor) -> Outputs:
        return self.inner.outputs(self.scaling(x))

    def _logits(self, x: Tensor) -> Tensor:
        return self.inner.logits(self.scaling(x))

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        return self.inner.loss(self.scaling(x), y, "training")

    def structure(self, shape: tuple[int, ...]) -> Structure:
        return self.inner.structure(shape).scaled(*self.scaling.affine(shape))

    def reference_predict(self, x: Tensor) -> Tensor:
        return self.inner.reference_predict(self.scaling(self._shaped(x)))

    def _state(self) -> Iterable[object]:
        yield self.inner.fingerprint
        yield from self.scaling.state()
