"""Rows of models that did not start: they have no cells, and a board that leaves them out looks better than it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from bench.board.rows import Row, rows
from bench.board.view import View
from bench.datasets.base import Dataset
from bench.errors import LostModels, UsageError
from bench.planning.plan import expand
from bench.planning.suite import Suite
from bench.records import starts
from bench.records.record import Failure, ModelInfo, Run
from bench.records.store import Store

UNKNOWN = "unknown"
BLANK: dict[str, Any] = {"family": "", "gradient": "", "source_gradient": None, "fingerprint": "", "cells": []}
"""What nobody knows of such a model."""


@dataclass(frozen=True)
class Absent:
    """A model that was asked for and did not start, because its process ended or took too long, or its file raised."""

    name: str
    """The model's, or what was asked for where a file did not tell."""
    kind: str
    """Such as `crash`, `timeout`, `exception`."""
    why: str

    def __str__(self) -> str:
        return f"{self.name} did not start: {self.kind}: {self.why}"


@contextmanager
def noting_starts(
    store: Store | None, checksum: str, lost: Mapping[str, Absent], offered: Mapping[str, Sequence[str]]
) -> Iterator[None]:
    """Keep what the models of a run came to at their start, however the block ends, for boards of older records.

    What is `lost`, and the names that specs `offered`, of the dataset of this checksum, is known when it ends.

    Nothing is kept without a store, and no failure where there are no older records.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        yield
    except (UsageError, LostModels):
        with suppress(UsageError):  # what is wrong already is told
            _note_lost(store, checksum, lost)
        raise
    _note_lost(store, checksum, lost)
    if store is not None:
        starts.started(store, checksum, offered)


def _note_lost(store: Store | None, checksum: str, lost: Mapping[str, Absent]) -> None:
    if store is not None and (store.ids("cells", "") or store.ids("failures", "")):
        starts.failed(store, checksum, {name: (each.kind, each.why) for name, each in lost.items()})


def rows_of(suite: Suite, dataset: Dataset, absent: Collection[Absent], limit: int | None) -> list[Row]:
    """An error row for each attack that each of them would have met by itself, with the reason."""
    found: list[Row] = []
    for each in absent:
        # By an exact gradient, as a model that tells nothing of itself may have one.
        model = ModelInfo(name=each.name[:200], fingerprint=UNKNOWN, family=UNKNOWN, gradient="exact")
        cells = [item.cell for item in expand(suite, dataset, {}, {model.name: model}, limit=limit)]
        failures = {
            cell.id: Failure(
                id=cell.id, cell=cell, kind=each.kind, message=f"did not start: {each.why}", run=Run.unknown()
            )
            for cell in cells
        }
        made = rows(View(suite, dataset, {}, failures, {model.name: model}))
        found += [replace(row, **BLANK) for row in made]
    return found
