"""What all compiled transformers share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from torch import Tensor

from adapters.base import GradientKind, Movable
from adapters.errors import NotWrappable, Unsupported
from adapters.structures.base import Structure


class Transformer(Movable):
    """A fitted scikit-learn transformer and the tensors it was compiled to.

    A subclass implements `forward`, and `relaxed` where that has no useful gradient. Its `__init__` hands on the
    tensors, and the settings that decide the output too.
    """

    gradient: GradientKind = "exact"
    """What `relaxed` is to the transformer: the same, or a smooth stand-in for its steps."""
    bitwise: bool = True
    """Whether `forward` gives the very bits of the transformer's own `transform`, whatever the device.

    Elementwise operations in the same order and types do; sums, and with them products of matrices, do not. Nor does
    what gives a sparse matrix, of which the steps behind it compute in a way of their own.
    """
    by_name: bool = False
    """Whether it picks columns by name, and so needs a table."""

    plainly: ClassVar[str] = "a transformer"
    """What it is, in a message."""

    def __init__(self, *settings: object, **constants: Tensor) -> None:
        self._settings, self._constants = settings, constants

    def forward(self, x: Tensor) -> Tensor:
        """`(N, D')` what `transform` makes of `(N, D)` inputs, dense."""
        raise NotImplementedError

    def relaxed(self, x: Tensor) -> Tensor:
        """`(N, D')` the same, differentiable."""
        return self.forward(x)

    def opened(self, behind: Structure, features: int) -> Structure:
        """The structure, seen by inputs of that many features, of what is behind the transformer.

        Raises:
            Unsupported: nothing is known to be proved of it through the transformer.
        """
        raise Unsupported(f"nothing is known to be proved of a model behind {self.plainly}, which is not affine")

    def state(self) -> Iterable[object]:
        """Everything that decides the output."""
        yield type(self).__name__
        for name, tensor in self._constants.items():
            yield from (name, tensor)
        yield from self._settings


@contextmanager
def naming(whole: Any, step: str) -> Iterator[None]:
    """Let a refusal say which step of which estimator it is about."""
    try:
        yield
    except NotWrappable as error:
        raise NotWrappable(f"{type(whole).__name__} with step {step!r}: {error}") from None
