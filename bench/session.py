"""One call of a suite, from its name to its board. Loads torch only where a model has to be loaded or a cell run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench import zoo
from bench.datasets import open_dataset
from bench.datasets.base import Dataset
from bench.errors import UsageError, unknown
from bench.models import Models, chosen, given, quick_note
from bench.plan import Planned, expand, jobs
from bench.progress import Progress
from bench.report.leaderboard import render, write
from bench.results.board import Row, rows
from bench.results.record import Failure, ModelInfo, Record
from bench.results.store import Store, Warn
from bench.results.view import View
from bench.suite import Suite, load_suite, names

if TYPE_CHECKING:
    from bench.runner import Summary

PUBLISHED = Path("results")
"""Records that a folder publishes; read wherever the command is run, written by `--out .` alone."""

Rerun = Literal["failed", "all"]


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
        load: bool = True,
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
            load: whether models may be loaded or refitted to learn their fingerprints; without, those unknown are
                left out of the plan and listed in `unknown_models`.

        Raises:
            UsageError: bad input, with a line that says what to do.
        """
        self.suite = spec if isinstance(spec, Suite) else load_suite(spec)
        self.progress = progress
        self.shelf = shelf
        self.limit = limit
        self.dataset = dataset_of(self.suite)
        known = zoo.names(self.dataset.name)
        for name in self.suite.models:
            if name not in known:
                raise unknown(f"model of suite {self.suite.suite}", name, known)
        self.device = device
        self.models = Models(self.dataset, device, progress.starting, budget=budget, training=self._training)
        named, guests = chosen(list(model_specs), self.models, self.suite.models)
        guests += given(self.models, objects or {}, self.suite.models)
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

    def _training(self, name: str, done: int, total: int, text: str) -> None:
        self.progress.doing(f"training {name}: {text}", done / max(total, 1))

    def _needed(self, named: Sequence[str]) -> list[str]:
        """The reference models that the plan has to know: all of them, unless nothing meets anything else."""
        meets = any(entry.sources != "self" for entry in self.suite.attacks)
        return self.suite.models if self.only is None or meets else [n for n in self.suite.models if n in named]

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
            have |= set(self.shelf.failures(lambda line: None))
        return [item for item in self.planned if item.cell.id not in have]

    def failures(self) -> list[Failure]:
        """Failures among the planned cells."""
        kept = self.shelf.failures(lambda line: None)
        done = self.shelf.records(lambda line: None)
        ids = [item.cell.id for item in self.planned]
        return [kept[id] for id in ids if id in kept and id not in done]

    def run(self, missing: Sequence[Planned]) -> Summary:
        """Run cells and publish them; those that have a record already are compared with it."""
        from bench.runner import Runner

        known = self.shelf.records(lambda line: None)
        asked = {item.cell.id for item in missing}
        runner = Runner(
            self.dataset,
            self.models.adapter,
            self.shelf.own,
            self.progress,
            self.models.resolved_device,
            known={id: record for id, record in known.items() if id in asked},
        )
        return runner.run(jobs(item.cell for item in missing))

    def board(self) -> list[Row]:
        """The suite's rows, from all records."""
        records, failures = on_boards(self.shelf.records(lambda line: None)), self.shelf.failures(lambda line: None)
        current = {**self._references, **self._guests}
        return rows(View(self.suite, self.dataset, records, failures, current))


def dataset_of(suite: Suite) -> Dataset:
    """The dataset that a suite names."""
    dataset = open_dataset(suite.dataset.name, **suite.dataset.options)
    if suite.dataset.split not in dataset.sizes:
        raise unknown(f"split of dataset {dataset.name}", suite.dataset.split, dataset.sizes)
    return dataset


def board_of(suite: Suite, dataset: Dataset, shelf: Shelf, warn: Warn = lambda line: None) -> list[Row]:
    """A suite's rows from the records of a shelf."""
    return rows(View(suite, dataset, on_boards(shelf.records(warn)), shelf.failures(warn)))


def on_boards(records: Mapping[str, Record]) -> dict[str, Record]:
    """The records without those of models by a quick recipe, on either side: they stand in for `bench paper` alone."""
    return {
        id: record
        for id, record in records.items()
        if not any(model and quick_note(model) for model in (record.cell.target, record.cell.craft.source))
    }


def leaderboard(shelf: Shelf, warn: Warn = lambda line: None, extra: Suite | None = None) -> str:
    """`leaderboard.md` of all suites that the records know, and of one more that does not ship."""
    suites = [load_suite(name) for name in names()]
    if extra is not None and extra.suite not in {suite.suite for suite in suites}:
        suites.append(extra)
    records, failures = on_boards(shelf.records(warn)), shelf.failures(warn)
    cells = [*(record.cell for record in records.values()), *(failure.cell for failure in failures.values())]
    checksums = {cell.craft.dataset.checksum for cell in cells}
    boards = []
    for suite in suites:
        dataset = dataset_of(suite)
        if dataset.checksum in checksums:
            boards.append((suite, rows(View(suite, dataset, records, failures))))
    return render(boards)


def write_leaderboard(shelf: Shelf, extra: Suite | None = None) -> Path:
    """Bring the out folder's leaderboard up to date."""
    path = shelf.out / "leaderboard.md"
    write(path, leaderboard(shelf, extra=extra))
    return path
