"""What an adapter is told by: its fingerprint, and what of it cannot be seen."""

from __future__ import annotations

import hashlib
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from adapters import identity
from adapters.identity.classes import see_through
from adapters.identity.whole import Whole

NO_VERSION = "no-version"
"""The flag of a model that cannot be seen into and has no version: its results are never reused."""


_drawing: ContextVar[bool] = ContextVar("drawing", default=True)
"""Whether what is drawn stands for that which cannot be seen, in this model and those that it asks."""


@see_through
class Identified(ABC):
    """Whatever decides outputs, as one number."""

    version: ClassVar[str] = "1"
    """Part of the fingerprint: raised whenever outcomes of this adapter change."""
    bystanders: ClassVar[frozenset[str]] = frozenset({"input_shape", "classes", "bounds", "device", "notes", "_nonce"})
    """Attributes that decide no output, or are told in a way of their own; those that a user's code loads count."""
    remedy: str = 'a class attribute `version = "2"`, raised with every change'
    """How a model that cannot be seen into is given a version."""

    input_shape: tuple[int, ...] | None
    classes: tuple[Any, ...] | None
    notes: list[str]

    @abstractmethod
    def _state(self) -> Iterable[object]:
        """Everything that decides the model's outputs: tensors, arrays, strings, numbers; hashed in this order."""

    def _draw_nonce(self) -> None:
        """Draw what stands for that which cannot be seen; it travels with every copy."""
        self._nonce: str | None = uuid.uuid4().hex

    @property
    def fingerprint(self) -> str:
        """SHA-256 over everything that decides the outputs, as 64 hex digits.

        Of a model that cannot be seen into and has no version it is another one for every adapter made, the same for
        copies of that; see `unseen`.
        """
        return self._identity(drawn=True)

    @property
    def fingerprint_of_the_seen(self) -> str:
        """The fingerprint without what is drawn: the same wherever all that can be seen of the model is."""
        before = _drawing.set(False)
        try:
            return self.fingerprint
        finally:
            _drawing.reset(before)

    @property
    def unseen(self) -> tuple[str, ...]:
        """Path and type of each thing that may decide outputs and cannot be seen into, such as `head: PyCapsule`.

        Where there is any and no version, the flag `no-version` is among the notes.
        """
        return self._flagged(self._looked_at(weigh=False))

    @property
    def foreign_code(self) -> bool:
        """Whether it has code of its user's, of a library but torch or NumPy, or something that cannot be seen into."""
        seen = self._looked_at(weigh=False)
        return seen is not None and (seen.foreign or bool(seen.unseen))

    def _identity(self, *, drawn: bool) -> str:
        """The fingerprint; with what is drawn in place of what is unseen, or without."""
        digest = hashlib.sha256()
        _feed(digest, (type(self).__name__, self.version, self.input_shape, self.classes))
        seen = self._looked_at()
        if seen is None:
            for item in self._state():
                _feed(digest, item)
        else:
            _feed(digest, seen.digest)
            if self._flagged(seen) and drawn and _drawing.get() and not self._has_version():
                _feed(digest, self._nonce)
        return digest.hexdigest()

    def _flagged(self, seen: identity.Seen | None) -> tuple[str, ...]:
        """What is unseen, with the flag that says so set or taken back."""
        if seen is None:
            return ()
        if (NO_VERSION in self.notes) != (lacks := bool(seen.unseen) and not self._has_version()):
            (self.notes.append if lacks else self.notes.remove)(NO_VERSION)
        return seen.unseen

    def _looked_at(self, *, weigh: bool = True) -> identity.Seen | None:
        """What a walk over code and attributes comes to; None for this project's own classes, whose state tells all.

        Unless somebody gave them other methods: then these count, too.
        """
        if identity.is_ours(type(self)) and not identity.altered(self):
            return None
        return self._seen_whole(weigh=weigh)

    def _seen_whole(self, follow: frozenset[str] = frozenset(), *, weigh: bool) -> identity.Seen:
        """The adapter by its attributes, but for those that follow from the others, and its state."""
        notes = tuple(note for note in self.notes if note != NO_VERSION)
        whole = Whole(self, self.bystanders, notes, follow)
        return identity.see({"": whole, "state": list(self._state())}, weigh=weigh)

    def _has_version(self) -> bool:
        """Whether the model's owner says which version it is."""
        return any("version" in vars(kind) and not identity.is_ours(kind) for kind in type(self).__mro__)


@identity.rule(Identified)
def _as_part(walk: identity.Walk, adapter: Identified) -> bytes:
    """An adapter within another model; within itself, as in a bound method of its own, it is just that."""
    if walk.is_within(adapter):
        return b"itself"
    for place in adapter.unseen if not adapter._has_version() else ():
        walk.lacks(place)
    return bytes.fromhex(adapter._identity(drawn=False))


def _feed(digest: Any, item: object) -> None:
    """Add one item to a hash, with its type and extent, so that no two states read the same."""
    if isinstance(item, Tensor):
        item = item.detach().cpu()
        # NumPy knows no bfloat16, nor what is narrower.
        item = item.numpy() if item.dtype != torch.bfloat16 else [str(item.dtype), item.view(torch.int16).numpy()]
    if isinstance(item, np.ndarray):
        array = np.ascontiguousarray(item)
        if array.dtype.hasobject:
            _feed(digest, [repr(value) for value in array.ravel().tolist()])
            return
        digest.update(f"array {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    elif isinstance(item, (list, tuple)):
        digest.update(f"{len(item)} items ".encode())
        for part in item:
            _feed(digest, part)
    elif isinstance(item, bytes):
        digest.update(f"bytes {len(item)} ".encode())
        digest.update(item)
    else:
        text = repr(item.item() if isinstance(item, np.generic) else item)
        digest.update(f"{len(text)} {text} ".encode())
