"""What adapters around another one have in common."""

from __future__ import annotations

import copy
from typing import Self

from adapters.base import Adapter


class Around(Adapter):
    """A model that asks another one, which is named and copied with it."""

    inner: Adapter

    def called(self, name: str) -> Self:
        self.inner.called(name)
        return self

    def copied(self) -> Self:
        own = copy.copy(self)
        own.inner, own.notes = self.inner.copied(), list(self.notes)
        return own
