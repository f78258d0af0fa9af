"""One call of a suite, from its name to its board. Loads torch only where a model has to be loaded or a cell run."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench import registry, zoo
from bench.board.rows import Row, rows
from bench.board.view import View
from bench.choices import Rerun
from bench.datasets import open_dataset, options_of
from bench.datasets.base import Dataset
from bench.errors import UsageError, unknown
from bench.files import replace_file
from bench.planning.plan import Job, Planned, expand, jobs
from bench.planning.suite import DatasetChoice, Suite, load_suite
from bench.progress import Progress, quiet
from bench.records.record import Failure, ModelInfo, Record
from bench.records.store import Store, Warn
from bench.report.leaderboard import render
from bench.running.remote import WorldSpec
from bench.running.roster import Models, chosen, cuda_devices, given

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from bench.running.runner import Runner, Summary

PUBLISHED = Path("results")
"""Records that a folder publishes; read wherever the command is run, written by `--out .` alone."""

AT_ONCE = 64
"""Parts that an executor of unknown size is given at once."""

Item = TypeVar("Item", Record, Failure)


@dataclass(frozen=True)
class Shelf:
    """The records that are read: the published ones, if any, and those of the out folder."""

    out: Path
    with_published: bool = True

    @property
    def own(self) -> Store:
        return Store(self.out / "results")

    def records(self, warn: Warn) -> dict[str, Record]:
        published = Store(PUBLISHED).records(warn) if self._reads_published else {}
        return published | self.own.records(warn)

    def failures(self, warn: Warn) -> dict[str, Failure]:
        published = Store(PUBLISHED).failures(warn) if self._reads_published else {}
        return published | self.own.failures(warn)

    def stores(self) -> list[Store]:
        """The folders that are read, the own one first."""
        return [self.own, *([Store(PUBLISHED)] if self._reads_published else [])]

    @property
    def _reads_published(self) -> bool:
        return self.with_published and PUBLISHED.resolve() != (self.out / "results").resolve()


class Session:
    """A suite with the models asked for, planned against the records that there are."""

    def __init__(
        self,
        spec: str | Suite,
        *,
        progress: Progress,
        shelf: Shelf,
        model_specs: Sequence[str] = (),
        objects: Mapping[str, Any] | None = None,
        limit: int | None = None,
        device: str = "auto",
        budget: zoo.Budget = "full",
        data: Path | None = None,
        load: bool = True,
        jobs: int = 1,
        executor: Executor | None = None,
        shard: tuple[int, int] | None = None,
    ) -> None:
        """
        Args:
            spec: name of a suite, a YAML file, or a suite.
            progress: told what is being done.
            shelf: where records are read and written.
            model_specs: as `--model` takes them.
            objects: models by name.
            limit: number of examples of a short look.
            device: `auto`, `cpu` or `cuda`.
            budget: with `quick`, reference models that are not made yet are made by their quick recipes.
            data: the option `path` of the suite's dataset, such as a folder in place of a download.
            load: whether models may be loaded or refitted to learn their fingerprints; without, those unknown are
                left out of the plan and listed in `unknown_models`.
            jobs: number of worker processes on this machine; 1 to run in this one.
            executor: runs the parts in place of these; whatever `concurrent.futures` calls one.
            shard: `(i, n)`: run the i-th of n shares of the parts, counted from 1.

        Raises:
            UsageError: bad input, with a line that says what to do.
        """
        self.suite = spec if isinstance(spec, Suite) else load_suite(spec)
        if data is not None:
            self.suite = _at(self.suite, data)
        self.progress = progress
        self.shelf = shelf
        self.limit = limit
        self._budget, self._objects = budget, dict(objects or {})
        self._jobs, self._executor, self._shard = jobs, executor, shard
        self.dataset = dataset_of(self.suite)
        known = zoo.names(self.dataset.name)
        for name in self.suite.models:
            if name not in known:
                raise unknown(f"model of suite {self.suite.suite}", name, known)
        self.device = device
        self.models = Models(self.dataset, device, progress, budget=budget)
        named, guests = chosen(list(model_specs), self.models, self.suite.models)
        guests += given(self.models, objects or {})
        self.only = [*named, *guests] or None
        self.unknown_models: list[str] = []
        # What can be wrong with the call is found out before the reference models are made, which may take minutes.
        if load:
            shelf.own.prepare()
        self._guests = self._infos(guests, load)
        self._references = self._infos(self._needed(named), load)
        if not (self._guests or self._references or self.unknown_models):
            raise UsageError(f"suite {self.suite.suite} has no models of its own; give some with --model")
        self._tell_apart()

    def _needed(self, named: Sequence[str]) -> list[str]:
        """The reference models that the plan has to know: those asked for and those that they meet in transfer."""
        if self.only is None:
            return self.suite.models
        met, guests = set(named), set(self.only) - set(named)
        for entry in self.suite.attacks:
            if entry.sources == "self":
                continue
            sources = set(entry.sources) if entry.sources != "all" else {*self.suite.models, *guests}
            targets = {*(entry.models or self.suite.models), *guests}
            if not sources.isdisjoint(self.only):
                met |= targets
            if not targets.isdisjoint(self.only):
                met |= sources
        return [name for name in self.suite.models if name in met]

    def _tell_apart(self) -> None:
        """Two names for one model would share records, of which a board shows each once."""
        names: dict[str, str] = {}
        for name, info in {**self._references, **self._guests}.items():
            if info.fingerprint in names:
                raise UsageError(f"models {names[info.fingerprint]!r} and {name!r} are one and the same; leave one out")
            names[info.fingerprint] = name

    def _infos(self, wanted: Sequence[str], load: bool) -> dict[str, ModelInfo]:
        infos = {}
        for name in wanted:
            if not load and not self.models.is_ready(name):
                self.unknown_models.append(name)
                continue
            infos[name] = self.models.info(name)
        return infos

    @cached_property
    def planned(self) -> list[Planned]:
        """All cells asked for."""
        return expand(self.suite, self.dataset, self._references, self._guests, limit=self.limit, only=self.only)

    def missing(self, rerun: Rerun | None = None) -> list[Planned]:
        """The planned cells still to be run: those without a record or, unless `rerun` says so, a failure."""
        if rerun == "all":
            return self.planned
        have = set(self.shelf.records(self.progress.say))
        if rerun != "failed":
            have |= set(self.shelf.failures(quiet))
        return [item for item in self.planned if item.cell.id not in have]

    def failures(self) -> list[Failure]:
        """Failures among the planned cells."""
        kept = self.shelf.failures(quiet)
        done = self.shelf.records(quiet)
        ids = [item.cell.id for item in self.planned]
        return [kept[id] for id in ids if id in kept and id not in done]

    def run(self, missing: Sequence[Planned]) -> Summary:
        """Run cells and publish them; those that have a record already are compared with it."""
        from bench.running.runner import Runner

        known = self.shelf.records(quiet)
        asked = {item.cell.id for item in missing}
        runner = Runner(
            self.shelf.own,
            self.progress,
            known={id: record for id, record in known.items() if id in asked},
            chosen=self._chosen(),
        )
        work = jobs(item.cell for item in missing)
        if self._executor is None and self._jobs == 1:
            from bench.running.world import World

            return runner.run(work, World(self.dataset, self.models.adapter, self.models.resolved_device))
        return self._elsewhere(runner, work)

    def _elsewhere(self, runner: Runner, work: list[Job]) -> Summary:
        """Run jobs in other processes, the dearest first."""
        from bench.running.costs import cost
        from bench.running.workers import LocalWorkers, Shared

        work.sort(key=lambda job: -cost(job, 0))
        with contextlib.ExitStack() as stack:
            live = None
            if self._objects:
                live = stack.enter_context(Shared.of(self._objects, inline=self._executor is not None))
            spec = WorldSpec(
                dataset=self.suite.dataset.name,
                options=tuple(sorted(self.suite.dataset.options.items())),
                device=self.models.resolved_device,
                budget=self._budget,
                guests=tuple(self.models.specs.items()),
                live=live,
                live_key=uuid.uuid4().hex if live is not None else "",
            )
            if self._executor is not None:
                return runner.run_on(self._executor, work, spec, AT_ONCE)
            devices = cuda_devices() if spec.device == "cuda" else []
            pool = stack.enter_context(LocalWorkers(self._jobs, devices=devices))
            return runner.run_on(pool, work, spec, 2 * self._jobs)

    def _chosen(self) -> Callable[[Job, int], bool]:
        """Which parts are this run's."""
        if self._shard is None:
            return lambda job, number: True
        from bench.running.costs import shares

        mine, count = self._shard
        taken = shares(jobs(item.cell for item in self.planned), count)
        return lambda job, number: taken[job.craft.id, number] == mine - 1

    def board(self) -> list[Row]:
        """The suite's rows, from all records."""
        records, failures = self.shelf.records(quiet), self.shelf.failures(quiet)
        if self.suite.board != "paper":  # which shows what was just run, whatever else there is
            keep = self.only or ()
            records, failures = on_board(records, self.suite, keep), on_board(failures, self.suite, keep)
        current = {**self._references, **self._guests}
        return rows(View(self.suite, self.dataset, records, failures, current))


def dataset_of(suite: Suite) -> Dataset:
    """The dataset that a suite names."""
    dataset = open_dataset(suite.dataset.name, **suite.dataset.options)
    if suite.dataset.split not in dataset.sizes:
        raise unknown(f"split of dataset {dataset.name}", suite.dataset.split, dataset.sizes)
    return dataset


def _at(suite: Suite, path: Path) -> Suite:
    """The suite on the data at a path."""
    if "path" not in options_of(suite.dataset.name):
        raise UsageError(f"dataset {suite.dataset.name} is read from no path; leave out --data")
    chosen = {**suite.dataset.model_dump(), "path": str(path)}
    return suite.model_copy(update={"dataset": DatasetChoice.model_validate(chosen)})


def board_of(suite: Suite, dataset: Dataset, shelf: Shelf, warn: Warn = lambda line: None) -> list[Row]:
    """A suite's rows from the records of a shelf."""
    records, failures = shelf.records(warn), shelf.failures(warn)
    return rows(View(suite, dataset, on_board(records, suite), on_board(failures, suite)))


def on_board(items: Mapping[str, Item], suite: Suite, keep: Collection[str] = ()) -> dict[str, Item]:
    """The records, or failures, that a suite's board is made of.

    Models by a quick recipe, on either side, stand in for `bench paper` alone, and reference models that the suite does
    not name are other suites' unless they are to `keep`. On boards of the paper's numbers a quick model counts where
    there is no full one.
    """
    paper = suite.board == "paper"
    others = set() if paper else set(zoo.names(suite.dataset.name)) - {*suite.models, *keep}
    full = {_named(item, item.cell.target) for item in items.values() if not item.cell.target.effort}

    def counts(item: Item, model: ModelInfo | None) -> bool:
        if model is None or not model.effort:
            return model is None or model.name not in others
        return paper and _named(item, model) not in full

    return {
        id: item
        for id, item in items.items()
        if counts(item, item.cell.target) and counts(item, item.cell.craft.source)
    }


def _named(item: Record | Failure, model: ModelInfo) -> tuple[str, str]:
    """The model of this name on the item's dataset."""
    return item.cell.craft.dataset.checksum, model.name


def known_boards() -> list[tuple[Suite, Dataset]]:
    """All suites with their datasets, but for those of other packages that fail, of which there is a warning."""
    return list(registry.each("suite", lambda name: ((suite := load_suite(name)), dataset_of(suite))))


def leaderboard(
    shelf: Shelf, warn: Warn = lambda line: None, extra: Suite | None = None, keep: Collection[str] = ()
) -> str:
    """`leaderboard.md` of all suites that the records know, and of one more, with models to `keep` on its board.

    The numbers of the paper are left to `bench paper`.
    """
    suites = {suite.suite: (suite, dataset) for suite, dataset in known_boards()}
    if extra is not None:
        suites[extra.suite] = extra, dataset_of(extra)  # one that ships may have been run on other data
    records, failures = shelf.records(warn), shelf.failures(warn)
    cells = [*(record.cell for record in records.values()), *(failure.cell for failure in failures.values())]
    checksums = {cell.craft.dataset.checksum for cell in cells}
    boards = []
    for suite, dataset in suites.values():
        if suite.board != "paper" and dataset.checksum in checksums:
            kept = keep if suite is extra else ()
            shown = View(suite, dataset, on_board(records, suite, kept), on_board(failures, suite, kept))
            boards.append((suite, rows(shown)))
    return render(boards)


def write_leaderboard(shelf: Shelf, extra: Suite | None = None, keep: Collection[str] = ()) -> Path:
    """Bring the out folder's leaderboard up to date."""
    path = shelf.out / "leaderboard.md"
    replace_file(path, leaderboard(shelf, extra=extra, keep=keep).encode())
    return path
