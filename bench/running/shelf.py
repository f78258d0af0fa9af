"""The records that a call reads, and the boards that they make."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench import registry, zoo
from bench.board.rows import Row, rows
from bench.board.view import View
from bench.datasets import open_dataset, options_of
from bench.datasets.base import Dataset
from bench.errors import UsageError, unknown
from bench.files import replace_file
from bench.planning.suite import DatasetChoice, Suite, load_suite
from bench.progress import Say, quiet
from bench.records.asked import Asked, notes
from bench.records.record import Failure, ModelInfo, Record
from bench.records.store import Store
from bench.records.verdicts import Level, levels
from bench.report.boards import render

PUBLISHED = Path("results")
"""Records that a folder publishes; read wherever the command is run, written by `--out .` alone."""
AT_MOST = 5
"""Times that a leaderboard is written, where others never stop publishing."""

Item = TypeVar("Item", Record, Failure)


@dataclass(frozen=True)
class Contents:
    """What is read of a shelf."""

    records: Mapping[str, Record]
    failures: Mapping[str, Failure]
    published: Collection[str]
    """Ids of those of both that are published, and not in the out folder itself."""
    asked: Sequence[Asked]
    verdicts: Mapping[str, Level] = field(default_factory=dict)
    """What `bench verify` found of records, by id."""


@dataclass(frozen=True)
class Shelf:
    """The records that are read: the published ones, if any, and those of the out folder."""

    out: Path
    """As it was named, for people."""
    with_published: bool = True
    _folder: Path = field(default_factory=Path.cwd, repr=False)
    """Where the call was made: a model that changes the folder moves no results."""

    @property
    def root(self) -> Path:
        """The out folder, from the start of the call."""
        return self._folder / self.out

    @property
    def own(self) -> Store:
        return Store(self.root / "results")

    @property
    def published(self) -> Path:
        return self._folder / PUBLISHED

    def records(self, warn: Say) -> dict[str, Record]:
        published = Store(self.published).records(warn) if self._reads_published else {}
        return published | self.own.records(warn)

    def failures(self, warn: Say) -> dict[str, Failure]:
        published = Store(self.published).failures(warn) if self._reads_published else {}
        return published | self.own.failures(warn)

    def contents(self, warn: Say) -> Contents:
        """All that boards are made of."""
        shown = Store(self.published)
        published = {*shown.ids("cells", ""), *shown.ids("failures", "")} if self._reads_published else set()
        asked = [found for store in self.stores() for found in notes(store)]
        records = self.records(warn)
        return Contents(records, self.failures(warn), published, asked, levels(self.stores(), records))

    def stores(self) -> list[Store]:
        """The folders that are read, the own one first."""
        return [self.own, *([Store(self.published)] if self._reads_published else [])]

    def state(self) -> frozenset[tuple[str, int, int]]:
        """Names, sizes and times of all files that are read: what it tells of has changed where this has."""
        return frozenset(found for store in self.stores() for found in store.state())

    @property
    def _reads_published(self) -> bool:
        return self.with_published and self.published.resolve() != (self.root / "results").resolve()


def suite_at(spec: str | Suite, data: Path | None) -> Suite:
    """The suite of a name or a file, on the data at a path where one is given.

    Raises:
        UsageError: it is none, or its dataset is read from no path.
    """
    suite = spec if isinstance(spec, Suite) else load_suite(spec)
    if data is None:
        return suite
    if "path" not in options_of(suite.dataset.name):
        raise UsageError(f"dataset {suite.dataset.name} is read from no path; leave out --data")
    chosen = {**suite.dataset.model_dump(), "path": str(data)}
    return suite.model_copy(update={"dataset": DatasetChoice.model_validate(chosen)})


def dataset_of(suite: Suite) -> Dataset:
    """The dataset that a suite names."""
    dataset = open_dataset(suite.dataset.name, **suite.dataset.options)
    if suite.dataset.split not in dataset.sizes:
        raise unknown(f"split of dataset {dataset.name}", suite.dataset.split, dataset.sizes)
    return dataset


def board_of(
    suite: Suite,
    dataset: Dataset,
    shelf: Shelf,
    warn: Say = quiet,
    *,
    current: Mapping[str, ModelInfo] | None = None,
    met: Mapping[str, ModelInfo] | None = None,
    keep: Collection[str] = (),
) -> list[Row]:
    """A suite's rows from the records of a shelf; `current`, `met` and `keep` as in `View` and `on_board`."""
    return rows(view_of(suite, dataset, shelf.contents(warn), current, met, keep))


def view_of(
    suite: Suite,
    dataset: Dataset,
    found: Contents,
    current: Mapping[str, ModelInfo] | None = None,
    met: Mapping[str, ModelInfo] | None = None,
    keep: Collection[str] = (),
) -> View:
    """What a shelf's contents say of a suite; `current`, `met` and `keep` as in `board_of`."""
    if suite.board == "paper" and current is not None:  # shows what was just run, whatever else there is
        return View(suite, dataset, found.records, found.failures, {**(met or {}), **current})
    return View(
        suite,
        dataset,
        on_board(found.records, suite, keep),
        on_board(found.failures, suite, keep),
        current,
        met=met,
        published=found.published if suite.board != "paper" else (),
        asked=found.asked,
        verdicts=found.verdicts,
    )


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


def leaderboard(shelf: Shelf, warn: Say = quiet, extra: Suite | None = None, keep: Collection[str] = ()) -> str:
    """`leaderboard.md` of all suites that the records know, and of one more, with models to `keep` on its board.

    The numbers of the paper are left to `bench paper`.
    """
    suites = {(suite.suite, suite.version): (suite, dataset) for suite, dataset in known_boards()}
    if extra is not None:
        suites[extra.suite, extra.version] = extra, dataset_of(extra)  # one that ships may have been run on other data
    found = shelf.contents(warn)
    cells = [*(record.cell for record in found.records.values()), *(one.cell for one in found.failures.values())]
    checksums = {cell.craft.dataset.checksum for cell in cells}
    boards = [
        (suite, rows(view_of(suite, dataset, found, keep=keep if suite is extra else ())))
        for suite, dataset in suites.values()
        if suite.board != "paper" and dataset.checksum in checksums
    ]
    return render(boards)


def write_leaderboard(shelf: Shelf, extra: Suite | None = None, keep: Collection[str] = ()) -> Path:
    """Bring the out folder's leaderboard up to date; again where other runs have published meanwhile.

    Whoever writes last has then seen all records, however many write at once.
    """
    path = shelf.root / "leaderboard.md"
    for _ in range(AT_MOST):
        before = shelf.state()
        replace_file(path, leaderboard(shelf, extra=extra, keep=keep).encode())
        if shelf.state() == before:
            break
    return path
