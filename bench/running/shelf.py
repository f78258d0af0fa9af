"""The records that a call reads, and the boards that they make."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

from adapters.errors import told
from bench import registry, zoo
from bench.board.rows import Row, rows
from bench.board.view import View
from bench.datasets import open_dataset
from bench.datasets.base import Dataset
from bench.errors import UsageError, unknown
from bench.files import replace_file
from bench.planning.suite import Suite, load_suite, of_text
from bench.progress import Say, quiet
from bench.records import ran, starts
from bench.records.asked import Asked, notes
from bench.records.examples import Kept
from bench.records.ran import Ran
from bench.records.record import Failure, ModelInfo, Record
from bench.records.starts import Start
from bench.records.store import Store
from bench.records.usable import Unusable
from bench.records.verdicts import Level, levels
from bench.report.boards import begun, render, whole

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
    ran: Sequence[Ran] = ()
    """Which suites were run."""
    starts: Sequence[Start] = ()
    """What did start as a model, and what did not."""


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
        verdicts = levels(self.stores(), records)
        suites = [found for store in self.stores() for found in ran.notes(store)]
        started = [found for store in self.stores() for found in starts.notes(store)]
        return Contents(records, self.failures(warn), published, asked, verdicts, suites, started)

    def stores(self) -> list[Store]:
        """The folders that are read, the own one first."""
        return [self.own, *([Store(self.published)] if self._reads_published else [])]

    def state(self) -> frozenset[tuple[str, int, int]]:
        """Names, sizes and times of all files that are read: what it tells of has changed where this has."""
        return frozenset(found for store in self.stores() for found in store.state())

    def examples(self, record: Record, warn: Say = quiet) -> Kept | None:
        """The inputs that were kept with a record, from the first folder that has them; None where there are none."""
        for store in self.stores():
            try:
                if (kept := store.examples(record)) is not None:
                    return kept
            except Unusable as error:
                warn(f"ignored {store.examples_path(record)}: {error}")
        return None

    @property
    def publishes(self) -> bool:
        """Whether the out folder is the one that publishes."""
        return self.published.resolve() == (self.root / "results").resolve()

    @property
    def _reads_published(self) -> bool:
        return self.with_published and not self.publishes


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
    """What a shelf's contents say of a suite; `current`, `met` and `keep` as in `board_of`.

    Models that a run of the suite named are kept as well.
    """
    named = [each.models for each in found.ran if (each.suite, each.version) == (suite.suite, suite.version)]
    keep = {*keep, *chain.from_iterable(named)}
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
        starts=found.starts,
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


def suites_of(found: Contents, warn: Say = quiet) -> tuple[list[tuple[Suite, Dataset]], set[tuple[str, int]]]:
    """The suites that may have boards, those that ship first, and names and versions of those that were run here.

    Of a user's suite of several versions the last run counts; one that cannot be made here is told of in a line.
    """
    known = {(suite.suite, suite.version): (suite, dataset) for suite, dataset in known_boards()}
    shipped, own = {name for name, _ in known}, {}
    run = set()
    for each in sorted(found.ran, key=lambda each: (each.at, each.sha256)):
        key = each.suite, each.version
        try:
            suite = of_text(each.text)
            if (suite.suite, suite.version) != key:
                raise UsageError(f"its text is of {suite.suite} v{suite.version}")
            if key not in known or suite != known[key][0]:  # one that ships may have been run on other data
                own[key if suite.suite in shipped else (suite.suite, 0)] = suite, dataset_of(suite)
        except Exception as error:  # noqa: BLE001 - whatever a stranger's note provokes, the note is at fault
            warn(f"no board of suite {each.suite} v{each.version}: {told(error)}")
        else:
            run.add(key)
    return list({**known, **own}.values()), run


def boards(found: Contents, warn: Say = quiet) -> list[tuple[View, list[Row]]]:
    """The boards that have something to show: of every suite that was run, and of those that are whole for a model.

    The numbers of the paper are left to `bench paper`. `warn` is told in a line of a suite that cannot be made here.
    """
    suites, run = suites_of(found, warn)
    cells = [*(record.cell for record in found.records.values()), *(one.cell for one in found.failures.values())]
    checksums = {cell.craft.dataset.checksum for cell in cells}
    made = [
        ((view := view_of(suite, dataset, found)), rows(view))
        for suite, dataset in suites
        if suite.board != "paper" and dataset.checksum in checksums
    ]
    return [
        (view, board)
        for view, board in made
        if begun(board) and ((view.suite.suite, view.suite.version) in run or whole(board))
    ]


def leaderboard(shelf: Shelf, warn: Say = quiet) -> str:
    """`leaderboard.md` of all boards of a shelf; of one that is published, without what its keeper alone knows."""
    found = shelf.contents(warn)
    if shelf.publishes:  # a function of the records, which others can make from them
        found = replace(found, verdicts={}, starts=())
    return render([(view.suite, board) for view, board in boards(found, warn)])


def write_leaderboard(shelf: Shelf) -> Path:
    """Bring the out folder's leaderboard up to date; again where other runs have published meanwhile.

    Whoever writes last has then seen all records, however many write at once.
    """
    path = shelf.root / "leaderboard.md"
    for _ in range(AT_MOST):
        before = shelf.state()
        replace_file(path, leaderboard(shelf).encode())
        if shelf.state() == before:
            break
    return path
