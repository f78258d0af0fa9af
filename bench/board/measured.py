"""What was measured: one attack within one threat on one target, joined over slices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.attacks.base import Attack
from bench.planning.entry import Entry
from bench.records.record import Cell, ModelInfo, Result
from bench.threats import Threat

Status = Literal["ok", "unsupported", "error", "missing"]


def mistaken(labels: NDArray[np.int64], true: NDArray[np.int64]) -> NDArray[np.bool_]:
    """`(N,)` not labelled right: an abstention is a mistake, or else answering nothing would be robustness."""
    return np.asarray(labels != true)


def misnamed(labels: NDArray[np.int64], true: NDArray[np.int64]) -> NDArray[np.bool_]:
    """`(N,)` given another class: mistakes but for abstentions, which can agree with nobody's."""
    return np.asarray((labels != true) & (labels >= 0))


@dataclass(frozen=True)
class Measured:
    """One attack within one threat on one target, over all slices: a row of the board."""

    entry: Entry
    cells: tuple[Cell, ...]
    results: tuple[Result, ...]
    """One a cell where the status is `ok`; else those that there are."""
    status: Status
    reason: str | None
    eps: float | None = None
    """Of a minimum-norm attack, the size that it is held to: what is farther off counts as not found."""
    clean: Measured | None = None
    """The clean pass over the same examples, whose labels stand where nothing is found within that size."""
    findings: frozenset[str] = frozenset()
    """What asking the target again came to, in any of the cells."""
    seconds: float = 0.0
    """That the runs of the cells took, with whatever else was crafted along with them."""

    @cached_property
    def made(self) -> Attack:
        """The attack itself."""
        return self.entry.made

    @property
    def cell(self) -> Cell:
        """The first cell, which speaks for all but their slices."""
        return self.cells[0]

    @property
    def target(self) -> ModelInfo:
        return self.cell.target

    @property
    def source(self) -> ModelInfo | None:
        return self.cell.craft.source

    @cached_property
    def threat(self) -> Threat:
        """With the size that the row is held to."""
        threat = self.cell.threat
        return threat if self.eps is None else threat.model_copy(update={"eps": self.eps})

    @cached_property
    def crafted(self) -> tuple[str, ...]:
        """What tells one set of candidates, of any budget, from another."""
        return tuple(cell.craft.id for cell in self.cells)

    @cached_property
    def slices(self) -> tuple[object, ...]:
        return tuple(cell.craft.slice for cell in self.cells)

    @property
    def n(self) -> int:
        return sum(result.n for result in self.results)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """`(N,)` the target's labels."""
        labels = np.concatenate([result.predicted for result in self.results])
        if self.eps is None or self.clean is None:
            return labels
        return np.where(self.distance <= np.float32(self.eps), labels, self.clean.predicted)

    @cached_property
    def true(self) -> NDArray[np.int64]:
        """`(N,)` the true classes; kept by clean cells alone."""
        return np.concatenate([result.true for result in self.results])

    @cached_property
    def goal(self) -> NDArray[np.int64] | None:
        """`(N,)` the classes that a targeted attack was set, -1 where an example was left out."""
        if any(result.examples is None or result.examples.goal is None for result in self.results):
            return None
        return np.concatenate([result.goal for result in self.results])

    @cached_property
    def margin(self) -> NDArray[np.float32]:
        """`(N,)` the target's score margins; kept for rubbish alone."""
        return np.concatenate([result.margin for result in self.results])

    @cached_property
    def distance(self) -> NDArray[np.float32]:
        """`(N,)` how far each candidate is from its example, infinite where none was found; of minimum-norm attacks."""
        found = [result.distance for result in self.results]
        return np.concatenate([column for column in found if column is not None])

    @property
    def risk(self) -> float:
        """Of a certificate, the probability that the radius of an example is too large, at most."""
        return max((result.risk or 0.0 for result in self.results), default=0.0)

    @cached_property
    def radius(self) -> NDArray[np.float32]:
        """`(N,)` how far around each example nothing is mislabelled; of certificates."""
        return np.concatenate([result.radius for result in self.results])

    @cached_property
    def exact(self) -> NDArray[np.bool_]:
        """`(N,)` where that is the distance of the nearest mislabelled input; of certificates."""
        return np.concatenate([result.exact for result in self.results])

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """`(N,)` the examples that count: all but those that a targeted attack left out."""
        return np.ones(len(self.predicted), dtype=bool) if self.goal is None else self.goal >= 0

    @cached_property
    def index(self) -> NDArray[np.int64]:
        """`(N,)` the examples' positions in their split."""
        parts = []
        for cell, result in zip(self.cells, self.results, strict=True):
            part = cell.craft.slice
            parts.append(result.index if part.partial else np.arange(part.start, part.stop))
        return np.concatenate(parts)

    def total(self, name: Literal["errors", "successes", "abstentions", "unmoved"]) -> int:
        """Sum of a count over the slices."""
        return sum(getattr(result, name) or 0 for result in self.results)

    def mean(self, name: Literal["confidence", "confidence_on_mistakes"]) -> float | None:
        """A mean over all slices, each weighted by the examples that it is over."""
        over = [one.n if name == "confidence" else one.errors or one.successes or 0 for one in self.results]
        pairs = zip((getattr(one, name) for one in self.results), over, strict=True)
        told = np.array([(value, weight) for value, weight in pairs if value is not None and weight])
        return float(np.average(told[:, 0], weights=told[:, 1])) if told.size else None
