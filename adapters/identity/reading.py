"""Which names code loads: an attribute that nobody loads decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

ANY = frozenset(
    {"getattr", "hasattr", "vars", "dir", "__dict__", "attrgetter", "methodcaller", "__getattribute__", "getmembers"}
    | {"__getstate__", "__reduce__", "__reduce_ex__", "get_field", "format_map"}
)
"""With one of these, code may load an attribute by a name that is computed."""

IN_ORDER = frozenset({"vars", "__dict__", "getmembers", "fields", "__slots__"})
"""With one of these, code may go through attributes in the order that they were set."""
LAYOUT = frozenset({"as_strided", "storage", "untyped_storage", "storage_offset", "is_contiguous", "data_ptr"})
"""With one of these, code may read how a tensor lies in memory."""
LAYOUT_OF_ARRAYS = frozenset({"strides", "flags", "ravel", "flatten", "tobytes", "nditer"})
"""And so of an array of NumPy, which is not C contiguous."""


class Reading:
    """The names that the code met loads as attributes, or could, for it has them as strings."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self.all = False
        """Whether code is met that may load an attribute by any name."""
        self.aside = False
        """Whether what is met makes or shows instances: it goes through their attributes to keep or print them all."""
        self.settled: dict[int, tuple[Any, bytes]] = {}
        """Containers of plain values by their addresses: whatever else is read, they are what they are."""

        self.called: dict[int, tuple[Any, list[str]]] = {}
        """What programs call, by their addresses: whatever else is read, it is the same."""

    def add(self, names: Iterable[str]) -> None:
        found = set(names)
        if self.aside:
            found -= ANY
        self._names |= found
        self.all = self.all or not ANY.isdisjoint(self._names)

    def has(self, name: str) -> bool:
        """Whether code loads an attribute of this name."""
        return self.all or name in self._names

    def names(self, name: str) -> bool:
        """Whether code names it outright."""
        return name in self._names

    def names_any(self, names: frozenset[str]) -> bool:
        """Whether code names one of these outright."""
        return not names.isdisjoint(self._names)

    @property
    def size(self) -> int:
        return len(self._names)
