"""What the page is made of: boards with what they were made from, and what else is known of models."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bench.board.measured import Measured
from bench.board.rows import BRACKET, WORST, Row
from bench.board.view import View
from bench.datasets.base import Dataset
from bench.planning.suite import Suite
from bench.records.examples import Kept
from bench.records.record import Record
from bench.report.layout import sizes, varied

Card = Mapping[str, Any]
"""What is known of how a reference model was made: a heading and its text."""


@dataclass(frozen=True)
class Board:
    """A suite's board, and what it was made from."""

    view: View
    rows: Sequence[Row]

    @property
    def suite(self) -> Suite:
        return self.view.suite

    @property
    def dataset(self) -> Dataset:
        return self.view.dataset

    @property
    def name(self) -> str:
        """The suite's, which names its files."""
        return self.suite.suite

    @cached_property
    def sizes(self) -> dict[float | None, str]:
        """The text of every epsilon."""
        return sizes(self.rows)

    @cached_property
    def varied(self) -> dict[str, set[str]]:
        """For each attack the parameters that tell its rows apart."""
        return varied(self.rows)

    @cached_property
    def by_model(self) -> dict[str, list[Row]]:
        """Rows of each model."""
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(row.model, []).append(row)
        return groups

    def measured(self, model: str) -> list[tuple[Row, Measured]]:
        """A model's rows that records stand behind, with these."""
        made = [row for row in self.by_model.get(model, []) if row.attack not in (WORST, BRACKET)]
        return list(zip(made, self.view.of(model), strict=False))


@dataclass(frozen=True)
class Given:
    """All that the page shows."""

    boards: Sequence[Board]
    records: Mapping[str, Record]
    """By the ids of cells."""
    cards: Mapping[str, Card] = field(default_factory=dict)
    """By fingerprint."""
    kept: Callable[[str], Kept | None] = lambda id: None
    """The kept adversarial examples of a cell by its id; None where none were kept."""


def slug(name: str, fingerprint: str = "") -> str:
    """A file name for a model that says which it is, and that no other model of any name has."""
    told = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
    return f"{told or 'model'}-{hashlib.sha256(f'{name}/{fingerprint}'.encode('utf-8', 'replace')).hexdigest()[:8]}"
