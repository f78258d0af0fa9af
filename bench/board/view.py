"""A suite's cells looked up in the records: rows, by target and by what is asked of them. A pure function of both."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from bench.board.measured import Measured, Status
from bench.board.proofs import held_to_account
from bench.board.versions import REFITTED, Item, cast, judged, standing
from bench.datasets.base import Dataset
from bench.planning.entry import Entry
from bench.planning.plan import CLEAN, Planned, expand
from bench.planning.suite import Suite
from bench.records.asked import Asked
from bench.records.record import Cell, Failure, ModelInfo, Record
from bench.records.starts import Start, outdated
from bench.records.verdicts import Level


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
        met: Mapping[str, ModelInfo] | None = None,
        published: Collection[str] = (),
        asked: Iterable[Asked] = (),
        whole: bool = False,
        verdicts: Mapping[str, Level] | None = None,
        starts: Iterable[Start] = (),
    ) -> None:
        """
        Args:
            suite: whose cells are looked up.
            dataset: the suite's.
            records: by id.
            failures: by id.
            current: models that are asked for now, which stand for their names whatever was judged last; a name that a
                current model had before gives way to the one that it has now.
            met: reference models as they are now that guests meet, and nobody asked for.
            published: ids of those records and failures that are published: what they say of the suite's own models
                stays as it is, whatever other versions of these there are.
            asked: which versions were asked for when, where that is known.
            whole: show every row of the suite's own models over whole splits, whatever is known of them, and no others.
            verdicts: what `bench verify` found of records, by id.
            starts: what did and did not start as a model, where that is known.
        """
        self.suite = suite
        self.dataset = dataset
        self._records = records
        self.verdicts = verdicts or {}
        self._failures = failures
        everything: Iterator[Item] = chain(records.values(), failures.values())
        items = [item for item in everything if item.cell.craft.dataset.checksum == dataset.checksum]
        notes = [note for note in asked if note.dataset == dataset.checksum]
        self._outdated = outdated(dataset.checksum, _finished(items), notes, starts)
        stands = standing(suite, dataset, [item for item in items if item.id in published], notes)
        self.cast = cast(suite, judged(items, notes), current or {}, met or {}, stands)
        if whole:
            self.cast = replace(self.cast, guests={}, refits={})
        self.references, self.guests = self.cast.references, self.cast.guests
        self._sources = {model.fingerprint for model in (*self.references.values(), *self.cast.refits.values())}
        self._named = {model.fingerprint: _refitted(model) for model in self.cast.refits.values()}
        self._rows_of: dict[str, list[Measured]] = {}
        """Rows by target, each target's in the suite's order, clean first. A target has them all of one slice."""
        self._by: dict[tuple[object, ...], list[Measured]] = {}
        """Rows with a number, over whatever slices, by what is asked of them."""
        if whole:
            for row in self._rows(None, None):
                self._keep(row)
        else:
            self._look_up(_short_looks(items))
        names = [*self.references, *self.guests, *(model.name for model in self._named.values())]
        order = {name: place for place, name in enumerate(names)}
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
            }.difference(self._rows_of, self._only_met(rows))
            for row in rows:
                if row.target.name in present:
                    self._keep(row)
                # Those of others refer to them.
                elif row.target.name in self._rows_of or row.target.fingerprint in self._named:
                    self._index(row)

    def _only_met(self, rows: Iterable[Measured]) -> set[str]:
        """Names of the refits that guests met, but that nobody ran themselves as far as the suite goes."""
        own = [row for row in rows if row.target.fingerprint in self._named and (not row.source or row.cell.white_box)]
        return {row.target.name for row in own if not self.cast.beside or row.status == "missing"}

    def _still_without(self, fingerprints: Iterable[str]) -> set[str]:
        """Names, without what tells refits, of the models with these fingerprints that have no rows yet."""
        met = set(fingerprints)
        models = [*self.references.values(), *self.guests.values(), *self._named.values()]
        missed = [model.name for model in models if model.fingerprint in met and model.name not in self._rows_of]
        return {name.removesuffix(REFITTED) for name in missed}

    def _planned(self, limit: int | None, wanted: set[str] | None) -> Iterator[Planned]:
        """The suite's cells, and those of guests and refits among each other; each once."""
        cast = self.cast
        found = expand(self.suite, self.dataset, self.references, self.guests, limit=limit, only=wanted)
        if cast.refits:
            only = {*self.guests, *cast.refits} if wanted is None else wanted & {*self.guests, *cast.refits}
            more = expand(self.suite, self.dataset, cast.crafters, self.guests, limit=limit, only=only) if only else []
            kept = {model.fingerprint for model in self.references.values()}
            found += [item for item in more if item.cell.target.fingerprint not in kept]
        yield from {item.cell.id: item for item in found}.values()

    def _rows(self, limit: int | None, wanted: set[str] | None) -> list[Measured]:
        groups: dict[tuple[object, ...], list[tuple[Entry, Cell]]] = {}
        for item in self._planned(limit, wanted):
            entry, cell = item.entry, self._called(item.cell)
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
        rows = held_to_account(self._without_twins([self._measure(group) for group in groups.values()]))
        clean = {(row.target.name, row.slices): row for row in rows if row.made.role == "clean" and row.status == "ok"}
        return [each for row in rows for each in (row, *self._held(row, clean.get((row.target.name, row.slices))))]

    def _called(self, cell: Cell) -> Cell:
        """The cell with refits called so."""
        target, source = cell.target, cell.craft.source
        if target.fingerprint in self._named:
            cell = cell.model_copy(update={"target": self._named[target.fingerprint]})
        if source is not None and source.fingerprint in self._named:
            craft = cell.craft.model_copy(update={"source": self._named[source.fingerprint]})
            cell = cell.model_copy(update={"craft": craft})
        return cell

    def _without_twins(self, rows: Sequence[Measured]) -> list[Measured]:
        """The rows without those not run that were run with another version of the same reference model."""
        if not self.cast.refits:
            return list(rows)

        def twins(row: Measured) -> tuple[object, ...]:
            source, target = row.source.name if row.source else "", row.target.name
            if source in self.guests:
                target = target.removesuffix(REFITTED)
            asked = row.cell.craft.attack.model_dump_json(), row.slices, row.cell.threat, row.cell.criterion
            return (*asked, source.removesuffix(REFITTED), target)

        first: dict[tuple[object, ...], Measured] = {}
        for row in sorted(rows, key=lambda row: row.status == "missing"):
            first.setdefault(twins(row), row)
        return [row for row in rows if row.status != "missing" or first[twins(row)] is row]

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
        seconds = sum(run.seconds for run in runs)
        return Measured(group[0][0], cells, results, status, reason, findings=findings, seconds=seconds)

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

    def outdated(self, target: str) -> Start | None:
        """The start that failed after all of a model's records were made; None where there is none."""
        return self._outdated.get(target.removesuffix(REFITTED))

    def older(self, target: str) -> int:
        """How many other versions of a model the records hold."""
        return self.cast.older.get(target, 0)

    def is_reference(self, model: ModelInfo) -> bool:
        """Whether a model is one of the suite's own, in whatever version."""
        return model.fingerprint in self._sources

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


def _refitted(model: ModelInfo) -> ModelInfo:
    return model.model_copy(update={"name": model.name + REFITTED})


def _finished(items: Iterable[Item]) -> dict[str, str]:
    """When the last record or failure of each target was made, by its name."""
    last: dict[str, str] = {}
    for item in items:
        name = item.cell.target.name
        last[name] = max(last.get(name, ""), item.run.finished)
    return last


def _short_looks(items: Iterable[Item]) -> dict[int, set[str]]:
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
