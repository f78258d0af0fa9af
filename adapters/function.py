"""Any predict function: labels only."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from adapters.base import Adapter, Outputs
from adapters.errors import InvalidOutput
from adapters.identified import NO_VERSION
from adapters.identity import Seen


class BlackBox(Adapter):
    """An adapter for a plain predict function: labels only. Its identity is its name on the board and its version.

    It has no gradient; transfer, noise and attacks that ask for labels alone measure it.
    """

    family: ClassVar[str] = "black box"
    bystanders: ClassVar[frozenset[str]] = Adapter.bystanders | {"function", "label_version", "_name"}
    remedy: str = 'black_box(function, version="1"), raised with every change'

    def __init__(
        self,
        predict: Callable[[np.ndarray], Any],
        *,
        version: str | None = None,
        input_shape: tuple[int, ...] | None = None,
        classes: Sequence[Any] | None = None,
        stochastic: bool = False,
    ) -> None:
        """
        Args:
            predict: takes a float32 array `(N, *input_shape)` in the dataset's units, returns `(N,)` labels: class
                indices, or members of `classes`; -1 or None where it abstains.
            version: names what the function does; raise it whenever that changes. A function shows no parameters:
                without a version its results are never reused, since nothing tells whether it is still the same.
            input_shape: as the function takes it, such as `(784,)`; None for the dataset's own, or for what a
                scikit-learn estimator's `predict` takes.
            classes: the labels that the function returns; None for class indices.
            stochastic: whether two calls may differ.
        """
        features = getattr(getattr(predict, "__self__", None), "n_features_in_", None)
        if input_shape is None and features is not None:
            input_shape = (int(features),)
        super().__init__(input_shape=input_shape, classes=classes)
        self.function = predict
        self.label_version = version
        self.stochastic = stochastic
        self._name = ""
        self._nonce = uuid.uuid4().hex if version is None else None
        if version is None:
            self.notes.append(NO_VERSION)

    def _outputs(self, x: Tensor) -> Outputs:
        # A copy: a function that writes into its input must not reach the batch that the next model is shown.
        answer = np.asarray(self.function(x.cpu().numpy().copy()))
        if answer.shape != (len(x),):
            raise InvalidOutput(f"the predict function returns shape {answer.shape} for {len(x)} examples")
        if answer.dtype.kind == "f" and not np.isfinite(answer).all():
            bad = np.flatnonzero(~np.isfinite(answer))[:3].tolist()
            raise InvalidOutput(f"the predict function returns NaN or infinity for examples {bad} of the batch")
        return Outputs(torch.from_numpy(self._indices(answer)).to(self.device), None, None)

    def _indices(self, answer: np.ndarray) -> np.ndarray:
        """`(N,)` int64 class indices of the labels returned; -1 (or None) is an abstention."""
        if self.classes is not None:
            position = {value: index for index, value in enumerate(self.classes)} | {None: -1}
            if -1 not in position:
                position[-1] = -1
            try:
                return np.array([position[value] for value in answer.tolist()], dtype=np.int64)
            except KeyError as error:
                raise InvalidOutput(f"the predict function returns {error}, which is none of its classes") from None
        if answer.dtype.kind not in "iuf" or (answer.dtype.kind == "f" and (answer % 1 != 0).any()):
            raise InvalidOutput("the predict function returns no class indices; tell its labels with classes=[...]")
        return answer.astype(np.int64)

    def copied(self) -> Self:
        """The function stays one and the same: it may be a method of something large, or hold a connection."""
        return copy.copy(self)

    def called(self, name: str) -> Self:
        self._name = name
        return self

    @property
    def unseen(self) -> tuple[str, ...]:
        return (f"itself: {_name_of(self.function)}, of which only answers are known",)

    def _looked_at(self, *, weigh: bool = True) -> Seen | None:
        seen = super()._looked_at(weigh=weigh)
        return None if seen is None else seen._replace(unseen=self.unseen)

    def _has_version(self) -> bool:
        return self.label_version is not None

    def _state(self) -> Iterable[object]:
        return self._name, _name_of(self.function), self.label_version, self._nonce

    def _move(self, device: torch.device) -> None:
        """The function stays where it is; batches are brought to it."""


def _name_of(function: object) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


black_box = BlackBox
