"""A model seen through a dataset's classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import torch
from torch import Tensor

from adapters.base import Adapter, Outputs
from adapters.errors import InvalidOutput, ShapeMismatch
from adapters.structures.base import Structure

_ABSENT = -1e4
"""Attack score of a class that the model does not know: finite, so that losses and gradients stay so."""


class Aligned(Adapter):
    """The same model with its outputs in the dataset's class order; classes that it does not know are never given."""

    def __init__(self, inner: Adapter, positions: Sequence[int], size: int) -> None:
        super().__init__(input_shape=inner.input_shape, classes=None, bounds=inner.bounds)
        for said in (
            "family",
            "gradient",
            "confidence_kind",
            "stochastic",
            "takes_missing",
            "notes",
            "device",
            "remedy",
        ):
            setattr(self, said, getattr(inner, said))  # an instance speaks for the model that it wraps
        self.known_classes = tuple(sorted(positions)) if len(positions) < size else None
        self.inner, self.positions, self.size = inner, torch.tensor(positions), size

    @property
    def logits_decide(self) -> bool:
        return self.inner.logits_decide and self.known_classes is None

    def _outputs(self, x: Tensor) -> Outputs:
        labels, scores, probabilities = self.inner.outputs(x)
        return Outputs(
            self._named(labels),
            None if scores is None else self._spread(scores, -torch.inf),
            None if probabilities is None else self._spread(probabilities, 0.0),
        )

    def _logits(self, x: Tensor) -> Tensor:
        return self._spread(self.inner.logits(x), _ABSENT)

    def _training_loss(self, x: Tensor, y: Tensor) -> Tensor:
        rows, classes = (y[:, None] == self.positions.to(y.device)).nonzero().T
        if len(rows) == len(y):
            return self.inner.loss(x, classes, "training")
        # An example of a class that the model does not know has no training loss; the others keep theirs.
        loss = super()._training_loss(x, y)
        return loss.index_put((rows,), self.inner.loss(x[rows], classes, "training")) if len(rows) else loss

    def structure(self, shape: tuple[int, ...]) -> Structure:
        return self.inner.structure(shape).named(self.positions.tolist())

    def reference_predict(self, x: Tensor) -> Tensor:
        return self._named(self.inner.reference_predict(x))

    def _named(self, labels: Tensor) -> Tensor:
        """The dataset's class indices of the model's own."""
        return torch.where(labels >= 0, self.positions.to(labels.device)[labels.clamp_min(0)], labels)

    def _spread(self, values: Tensor, absent: float) -> Tensor:
        """`(N, K of the model)` laid out over the dataset's classes."""
        if values.shape[1] != len(self.positions):
            raise InvalidOutput(f"the model has {len(self.positions)} classes and gives {values.shape[1]} outputs")
        blank = values.new_full((len(values), self.size), absent)
        return blank.index_copy(1, self.positions.to(values.device), values)

    def called(self, name: str) -> Self:
        self.inner.called(name)
        return self

    @property
    def unseen(self) -> tuple[str, ...]:
        return self.inner.unseen

    def _state(self) -> Iterable[object]:
        return self.inner.fingerprint, self.positions, self.size


def align(adapter: Adapter, names: Sequence[str]) -> Adapter:
    """`adapter` over the classes `names`, in that order; itself where it has no labels of its own or the same ones.

    A model's label is the class of that name, or else the class of that number.

    Raises:
        ShapeMismatch: the model has a label that is no class of the dataset, or two labels for one class.
    """
    if adapter.classes is None:
        return adapter
    positions = [_position(value, names) for value in adapter.classes]
    if positions == list(range(len(names))):
        return adapter
    if len(set(positions)) < len(positions):
        raise ShapeMismatch(f"two of the model's classes {list(adapter.classes)[:12]} are one class of the dataset")
    return Aligned(adapter, positions, len(names))


def _position(value: Any, names: Sequence[str]) -> int:
    if str(value) in names:
        return list(names).index(str(value))
    if not isinstance(value, str) and float(value).is_integer() and 0 <= int(value) < len(names):
        return int(value)
    raise ShapeMismatch(
        f"the model's class {value!r} is no class of the dataset ({', '.join(names[:12])}); "
        "fit it to their names or numbers"
    )
