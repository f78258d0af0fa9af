"""A suite's cells looked up in the records: rows, by target and by what is asked of them. A pure function of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from bench.board.measured import Measured, Status
from bench.datasets.base import Dataset
from bench.planning.entry import Entry
from bench.planning.plan import CLEAN, expand
from bench.planning.suite import Suite
from bench.records.record import Cell, Failure, ModelInfo, Record


def judged(items: Iterable[Record | Failure]) -> dict[str, list[ModelInfo]]:
    """The versions of each target by its name, the one judged last at the end."""
    last: dict[str, dict[str, tuple[str, ModelInfo]]] = {}
    for item in items:
        model = item.cell.target
        versions = last.setdefault(model.name, {})
        if model.fingerprint not in versions or versions[model.fingerprint][0] < item.run.finished:
            versions[model.fingerprint] = item.run.finished, model
    order = {name: sorted(versions.items(), key=lambda pair: (pair[1][0], pair[0])) for name, versions in last.items()}
    return {name: [model for _, (_, model) in versions] for name, versions in order.items()}


class View:
    """All that the records know of one suite."""

    def __init__(
        self,
        suite: Suite,
        dataset: Dataset,
        records: Mapping[str, Record],
        failures: Mapping[str, Failure],
        current: Mapping[str, ModelInfo] | None = None,
        *,
        whole: bool = False,
    ) -> None:
        """
        Args:
            current: models as they are now, which stand for their names whatever was judged last; a name that a
                current model had before gives way to the one that it has now.
            whole: show every row of the suite's own models over whole splits, whatever is known of them, and no others.
        """
        self.suite = suite
        self.dataset = dataset
        self._records = records
        self._failures = failures
        everything: Iterator[Record | Failure] = chain(records.values(), failures.values())
        items = [item for item in everything if item.cell.craft.dataset.checksum == dataset.checksum]
        versions = judged(items)
        self.older = {name: len(found) - 1 for name, found in versions.items()}
        """Number of earlier versions of each model that the records hold."""
        now = {model.fingerprint for model in (current or {}).values()}
        before = {name: found[-1] for name, found in versions.items() if found[-1].fingerprint not in now}
        models = before | dict(current or {})
        self.references = {name: models[name] for name in suite.models if name in models}
        self.guests = {name: models[name] for name in sorted(models) if not whole and name not in suite.models}
        self._rows_of: dict[str, list[Measured]] = {}
        """Rows by target, each target's in the suite's order, clean first. A target has them all of one slice."""
        self._by: dict[tuple[object, ...], list[Measured]] = {}
        """Rows with a number, over whatever slices, by what is asked of them."""
        if whole:
            for row in self._rows(None, None):
                self._keep(row)
        else:
            self._look_up(_short_looks(items))
        order = {name: place for place, name in enumerate([*self.references, *self.guests])}
        self._rows_of = dict(sorted(self._rows_of.items(), key=lambda item: order[item[0]]))

    def _look_up(self, looks: Mapping[int, Iterable[str]]) -> None:
        """Rows over all examples first; of the models that have none, those of their longest short look."""
        sampled = all(entry.n is not None and not entry.made.generates for entry in self.suite.attacks)
        for limit in [None, *sorted(looks, reverse=True)]:
            wanted = None if limit is None else self._still_without(looks[limit])
            if wanted is not None and not wanted:
                continue
            rows = self._rows(limit, wanted)
            # A model of which only the clean pass is known was met as a source, or in another suite: no rows of it.
            # Nor is a check on a sample evidence in a suite with others: it is the same in every look.
            present = {
                row.target.name
                for row in rows
                if (row.entry.n is None or row.made.generates or sampled)
                and (row.status == "error" or (row.status in ("ok", "unsupported") and row.entry is not CLEAN))
            }.difference(self._rows_of)
            for row in rows:
                if row.target.name in present:
                    self._keep(row)
                elif row.target.name in self._rows_of:  # short looks of others refer to it
                    self._index(row)

    def _still_without(self, fingerprints: Iterable[str]) -> set[str]:
        """Names of the models with these fingerprints that have no rows yet."""
        met = set(fingerprints)
        models = {**self.references, **self.guests}.items()
        return {name for name, model in models if model.fingerprint in met and name not in self._rows_of}

    def _rows(self, limit: int | None, wanted: set[str] | None) -> list[Measured]:
        groups: dict[tuple[object, ...], list[tuple[Entry, Cell]]] = {}
        planned = expand(self.suite, self.dataset, self.references, self.guests, limit=limit, only=wanted)
        for entry, cell in ((item.entry, item.cell) for item in planned):
            part = cell.craft.slice
            key = (
                entry.n,
                part if part.partial else None,  # the runs of a split are joined, a sample stands alone
                cell.craft.attack.model_dump_json(),
                cell.craft.source and cell.craft.source.name,
                cell.threat,
                cell.criterion,
                cell.target.name,
            )
            groups.setdefault(key, []).append((entry, cell))
        rows = [self._measure(group) for group in groups.values()]
        clean = {(row.target.name, row.slices): row for row in rows if row.made.role == "clean" and row.status == "ok"}
        return [each for row in rows for each in (row, *self._held(row, clean.get((row.target.name, row.slices))))]

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
        runs = [self._records[cell.id].run for cell in cells if cell.id in self._records]
        findings = frozenset(finding for run in runs for finding in run.findings or ())
        return Measured(group[0][0], cells, results, status, reason, findings=findings)

    def _held(self, row: Measured, clean: Measured | None) -> Iterator[Measured]:
        """A minimum-norm attack at each size that the suite names in its norm."""
        if row.made.measures:
            status: Status = "missing" if row.status == "ok" and clean is None else row.status
            for eps in _sizes(self.suite, row.threat.norm):
                yield replace(row, status=status, eps=eps, clean=clean)

    def _keep(self, row: Measured) -> None:
        self._rows_of.setdefault(row.target.name, []).append(row)
        self._index(row)

    def _index(self, row: Measured) -> None:
        if row.status == "ok":
            name = row.target.name
            keys: list[tuple[object, ...]] = [("crafted", name, row.crafted)]
            if row.made.role == "noise":
                keys.append(("noise", name, row.threat, row.slices))
            if row.made.role == "clean":
                keys += [("clean", name), ("clean", name, row.slices)]
            for key in keys:
                self._by.setdefault(key, []).append(row)

    # -- questions ----------------------------------------------------------------------------------------------------

    def of(self, target: str) -> list[Measured]:
        """All rows of one target."""
        return self._rows_of.get(target, [])

    def targets(self) -> list[ModelInfo]:
        """The models that have rows, references first."""
        return [rows[0].target for rows in self._rows_of.values()]

    def alike(self, row: Measured, target: ModelInfo | None = None) -> list[Measured]:
        """The rows with a number of a row's candidates, of every budget, on its target or on another."""
        return self._by.get(("crafted", (target or row.target).name, row.crafted), [])

    def noise(self, row: Measured) -> list[Measured]:
        """The rows with a number of noise of a row's size on the same examples and target."""
        return self._by.get(("noise", row.target.name, row.threat, row.slices), [])

    def clean_of(self, row: Measured, model: ModelInfo | None = None) -> Measured | None:
        """The clean pass over the same examples, of the row's target or of another model; None where there is none.

        Generated inputs have no examples: theirs is the clean pass over the whole split.
        """
        name = (model or row.target).name
        if row.cell.craft.slice.split is None:
            return max(self._by.get(("clean", name), []), key=lambda other: other.n, default=None)
        return next(iter(self._by.get(("clean", name, row.slices), [])), None)


def _short_looks(items: Iterable[Record | Failure]) -> dict[int, set[str]]:
    """Fingerprints of the models met, by the sizes of the short looks at them."""
    looks: dict[int, set[str]] = {}
    for item in items:
        part = item.cell.craft.slice
        if part.partial or (part.split is None and part.n < part.of):
            looks.setdefault(part.stop, set()).add(item.cell.target.fingerprint)
    return looks


def _sizes(suite: Suite, norm: str | None) -> list[float]:
    """The epsilons that a suite names in a norm."""
    named = {eps for entry in suite.attacks if entry.norm == norm for eps in entry.eps}
    return sorted(named | ({suite.rank_by.eps} if suite.rank_by and suite.rank_by.norm == norm else set()))
