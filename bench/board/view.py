"""A suite's cells looked up in the records: what was measured, joined over slices. A pure function of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bench.datasets.base import Dataset
from bench.planning.entry import Entry
from bench.planning.plan import CLEAN, expand
from bench.planning.suite import Suite
from bench.records.record import Cell, Failure, ModelInfo, Record, Result
from bench.threats import Threat

Status = Literal["ok", "unsupported", "error", "missing"]


def mistaken(labels: NDArray[np.int64], true: NDArray[np.int64]) -> NDArray[np.bool_]:
    """`(N,)` labelled wrongly; an abstention is no mistake."""
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

    @property
    def threat(self) -> Threat:
        return self.cell.threat

    @property
    def attack(self) -> str:
        return self.cell.craft.attack.name

    @property
    def crafted(self) -> tuple[str, ...]:
        """What tells one set of candidates, of any budget, from another."""
        return tuple(cell.craft.id for cell in self.cells)

    @property
    def slices(self) -> tuple[object, ...]:
        return tuple(cell.craft.slice for cell in self.cells)

    @property
    def n(self) -> int:
        return sum(result.n for result in self.results)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """`(N,)` the target's labels."""
        return np.concatenate([result.predicted for result in self.results])

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
    def index(self) -> NDArray[np.int64]:
        """`(N,)` the examples' positions in their split."""
        parts = []
        for cell, result in zip(self.cells, self.results, strict=True):
            part = cell.craft.slice
            parts.append(result.index if part.partial else np.arange(part.start, part.stop))
        return np.concatenate(parts)

    def total(self, name: Literal["errors", "abstentions", "successes", "unmoved"]) -> int:
        """Sum of a count over the slices."""
        return sum(getattr(result, name) or 0 for result in self.results)

    def mean(self, name: Literal["confidence", "confidence_on_mistakes"]) -> float | None:
        """A mean over all slices, each weighted by the examples that it is over."""
        values, weights = [], []
        for result in self.results:
            value = getattr(result, name)
            weight = result.n if name == "confidence" else (result.errors or result.successes or 0)
            if value is not None and weight:
                values.append(value)
                weights.append(weight)
        return float(np.average(values, weights=weights)) if values else None


class View:
    """All that the records know of one suite."""

    def __init__(
        self,
        suite: Suite,
        dataset: Dataset,
        records: Mapping[str, Record],
        failures: Mapping[str, Failure],
        current: Mapping[str, ModelInfo] | None = None,
    ) -> None:
        """
        Args:
            suite: which cells to look up.
            dataset: the suite's.
            records: all that there are, by id.
            failures: likewise.
            current: models as they are now, which stand for their names whatever was judged last; a name that a
                current model had before gives way to the one that it has now.
        """
        self.suite = suite
        self.dataset = dataset
        self._records = records
        self._failures = failures
        self.older: dict[str, int] = {}
        """Number of earlier versions of each model that the records hold."""
        now = {model.fingerprint for model in (current or {}).values()}
        before = {name: model for name, model in self._newest().items() if model.fingerprint not in now}
        models = before | dict(current or {})
        self.references = {name: models[name] for name in suite.models if name in models}
        self.guests = {name: model for name, model in sorted(models.items()) if name not in suite.models}
        self.measured: list[Measured] = []
        """Rows by target, each target's in the suite's order, clean first. A target has them all of one slice."""
        self._beside: list[Measured] = []
        """What is known of the targets over other slices: short looks of others refer to it."""
        self._look_up()

    def _everything(self) -> Iterator[Record | Failure]:
        yield from self._records.values()
        yield from self._failures.values()

    def _newest(self) -> dict[str, ModelInfo]:
        """The model last judged under each name on this dataset."""
        seen: dict[str, dict[str, tuple[str, ModelInfo]]] = {}
        for item in self._everything():
            if item.cell.craft.dataset.checksum == self.dataset.checksum:
                model = item.cell.target
                versions = seen.setdefault(model.name, {})
                before = versions.get(model.fingerprint)
                if before is None or before[0] < item.run.finished:
                    versions[model.fingerprint] = item.run.finished, model
        self.older = {name: len(versions) - 1 for name, versions in seen.items()}
        return {name: max(versions.values(), key=lambda pair: pair[0])[1] for name, versions in seen.items()}

    def _limits(self) -> list[int | None]:
        """All examples first, then the sizes of the short looks that there are, the longest first."""
        slices = [item.cell.craft.slice for item in self._everything()]
        sizes = {part.n for part in slices if part.partial or (part.split is None and part.n < part.of)}
        return [None, *sorted(sizes, reverse=True)]

    def _look_up(self) -> None:
        done: set[str] = set()
        for limit in self._limits():
            groups: dict[tuple[object, ...], list[tuple[Entry, Cell]]] = {}
            for planned in expand(self.suite, self.dataset, self.references, self.guests, limit=limit):
                cell = planned.cell
                part = cell.craft.slice
                key = (
                    planned.entry.n,
                    part if part.partial else None,  # the runs of a split are joined, a sample stands alone
                    cell.craft.attack.model_dump_json(),
                    cell.craft.source and cell.craft.source.name,
                    cell.threat,
                    cell.criterion,
                    cell.target.name,
                )
                groups.setdefault(key, []).append((planned.entry, cell))
            rows = [self._measure(group) for group in groups.values()]
            # A model of which only the clean pass is known was met as a source, or in another suite: no rows of it.
            # Nor is a check on a sample of the suite's own choice evidence: it is the same in every look.
            due = [row for row in rows if row.entry.n is None or row.entry.made.generates] or rows
            present = {
                row.target.name
                for row in due
                if row.status == "error" or (row.status in ("ok", "unsupported") and row.entry is not CLEAN)
            }
            self.measured += [row for row in rows if row.target.name in present - done]
            self._beside += [row for row in rows if row.target.name in done and row.status == "ok"]
            done |= present
        order = {name: place for place, name in enumerate([*self.references, *self.guests])}
        self.measured.sort(key=lambda row: order[row.target.name])

    def _measure(self, group: list[tuple[Entry, Cell]]) -> Measured:
        cells = tuple(cell for _, cell in group)
        results = tuple(self._records[cell.id].result for cell in cells if cell.id in self._records)
        status: Status = "ok"
        reason = None
        failure = next((self._failures[cell.id] for cell in cells if cell.id in self._failures), None)
        if failure is not None and len(results) < len(cells):
            status, reason = "error", f"{failure.kind}: {failure.message}"
        elif len(results) < len(cells):
            status = "missing"
        elif any(result.status == "unsupported" for result in results):
            status, reason = "unsupported", results[0].reason
        return Measured(group[0][0], cells, results, status, reason)

    # -- questions ----------------------------------------------------------------------------------------------------

    def of(self, target: str) -> list[Measured]:
        """All rows of one target."""
        return [row for row in self.measured if row.target.name == target]

    def known_of(self, target: str) -> list[Measured]:
        """All rows of one target, over whatever slices."""
        return [row for row in [*self.measured, *self._beside] if row.target.name == target]

    def targets(self) -> list[ModelInfo]:
        """The models that have rows, references first."""
        return list({row.target.name: row.target for row in self.measured}.values())

    def clean_of(self, row: Measured, model: ModelInfo | None = None) -> Measured | None:
        """The clean pass over the same examples, of the row's target or of another model; None where there is none.

        Generated inputs have no examples: theirs is the clean pass over the whole split.
        """
        name = (model or row.target).name
        passes = self._clean.get(name, [])
        if row.cell.craft.slice.split is None:
            return max(passes, key=lambda other: other.n, default=None)
        return next((other for other in passes if other.slices == row.slices), None)

    @cached_property
    def _clean(self) -> dict[str, list[Measured]]:
        found: dict[str, list[Measured]] = {}
        for row in [*self.measured, *self._beside]:
            if row.attack == "clean" and row.status == "ok":
                found.setdefault(row.target.name, []).append(row)
        return found
