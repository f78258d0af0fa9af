"""Parts of cells, gathered from wherever they were made until a cell is whole."""

from __future__ import annotations

from collections.abc import Container

from bench.records.part import CellPart, Part
from bench.records.record import Run


class Pieces:
    """What is known of cells that are not whole yet, by their ids."""

    def __init__(self) -> None:
        self._found: dict[str, dict[int, CellPart]] = {}

    def add(self, part: Part, wanted: Container[str] | None = None) -> None:
        """Keep what a part tells of the cells wanted, or of all of them; nothing of those that broke."""
        for item in part.cells:
            if item.broken is None and (wanted is None or item.cell.id in wanted):
                self._found.setdefault(item.cell.id, {})[part.number] = item

    def __contains__(self, id: str) -> bool:
        return id in self._found

    def has(self, id: str, number: int) -> bool:
        """Whether this part of the cell is there."""
        return number in self._found.get(id, {})

    def are_all(self, id: str, of: int) -> bool:
        """Whether all parts of the cell are there."""
        return len(self._found.get(id, {})) == of

    def take(self, id: str, last: Part) -> tuple[list[CellPart], Run]:
        """All parts of a cell in order, and how its run went: as the last part's, but for time and
        findings, which are those of all of them."""
        found = self._found.pop(id)
        whole = [found[number] for number in range(last.of)]
        findings = tuple(sorted({finding for item in whole for finding in item.findings}))
        known = {
            "seconds": round(sum(item.seconds for item in whole), 3),
            "asked_again": sum(item.asked_again for item in whole) or None,
            "findings": findings or None,
        }
        return whole, last.run.model_copy(update=known)
