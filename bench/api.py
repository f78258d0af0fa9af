"""The same as the command, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.choices import Budget, Device, Rerun, Style, check_choice
from bench.errors import UsageError, unknown
from bench.running.isolation.limits import START_TIMEOUT, TIMEOUT, Limits

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pandas

    from bench.board.comparison import Comparison
    from bench.board.rows import Row
    from bench.planning.suite import Suite
    from bench.records.record import Failure
    from bench.running.wanted import Wanted
    from bench.table import Table


@dataclass(frozen=True)
class Board:
    """What a run came to: rows as data, and as text when printed."""

    suite: Suite
    rows: list[Row]
    failures: list[Failure]
    lost: dict[str, str] = field(default_factory=dict)
    """Models that did not start, each with the reason; their rows are errors, and they have no records."""
    out: Path | None = None
    """The folder of its records."""
    asked: Mapping[str, str] = field(default_factory=dict)
    """Fingerprints of the models that were asked for, by name."""

    def __str__(self) -> str:
        from bench.report.boards import tables

        return "\n\n".join(table.markdown() for table in tables(self.suite, self.rows))

    @property
    def unranked(self) -> dict[str, str]:
        """Why, of every model that can have no rank whatever its numbers: at chance, order-dependent, ..."""
        return {row.model: row.unranked for row in self.rows if row.unranked is not None}

    def of(self, model: str) -> list[Row]:
        """The rows of one model.

        Raises:
            UsageError: it is not on the board.
        """
        found = [row for row in self.rows if row.model == model]
        if not found:
            raise unknown("model", model, dict.fromkeys(row.model for row in self.rows))
        return found

    def to_frame(self) -> pandas.DataFrame:
        """The rows as a data frame of pandas, with a column for each field of `Row`.

        Raises:
            UsageError: there is no pandas.
        """
        return _frame([row.as_dict() for row in self.rows])

    def _repr_html_(self) -> str:
        """The tables, for a notebook; whatever others wrote into them is text."""
        from bench.report.boards import tables

        return "\n".join(table.html() for table in tables(self.suite, self.rows))


@dataclass(frozen=True)
class Compared:
    """Two models, or two sets of models, example by example: see docs/compare.md."""

    comparison: Comparison

    def __str__(self) -> str:
        return "\n\n".join(table.markdown() for table in self._tables())

    def _repr_html_(self) -> str:
        return "\n".join(table.html() for table in self._tables())

    def _tables(self) -> list[Table]:
        from bench.report.comparison import tables

        return tables(self.comparison)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON: as `bench compare --format json` prints them."""
        from bench.report.comparison_formats import as_plain

        return as_plain(self.comparison)

    def to_frame(self) -> pandas.DataFrame:
        """A line a model and row: both accuracies, the difference, its interval and p values.

        Raises:
            UsageError: there is no pandas.
        """
        pairs = self.as_dict()["pairs"]
        return _frame([{"model": pair["candidate"]["called"], **row} for pair in pairs for row in pair["rows"]])

    def regressions(self, points: float = 0.0) -> dict[str, str]:
        """Why each model fails that does, as `--fail-on-regression` tells; empty where all pass."""
        from bench.board.gate import regressions

        return regressions(self.comparison, points)


def compare(
    a: str | Path | Board,
    b: str | Path | Board,
    *,
    suite: str | Suite | None = None,
    models: Sequence[str] = (),
    out: str | Path = "bench-out",
) -> Compared:
    """Compare two models, versions or runs, baseline first, from records alone.

    Args:
        a: the baseline: what `bench compare` takes (`NAME`, `NAME@FINGERPRINT`, `FOLDER`, `FOLDER:NAME`), or a board
            that `bench.run` returned, with the models that it was asked for.
        b: what is compared with it, likewise.
        suite: whose rows are compared; None for that of the boards, or the only one that both were run on. Of several
            texts of one version, the baseline's counts.
        models: of two folders, these alone.
        out: folder of the records that names are looked up in, beside the published ones.

    Raises:
        UsageError: a name that is in no records, or more than one suite to choose from.
    """
    from bench.running import comparing

    sides = [_wanted(side, Path(out), called) for side, called in ((a, "baseline"), (b, "candidate"))]
    boards = [side.suite for side in (a, b) if isinstance(side, Board)]
    if suite is None and len(boards) == 2 and boards[0] != boards[1]:
        ours, theirs = boards
        if (ours.suite, ours.version) == (theirs.suite, theirs.version):  # another text, or the same on other data
            theirs = ours.model_copy(update={"dataset": theirs.dataset})
        return Compared(comparing.of_suites(sides[0], sides[1], ours, theirs))
    return Compared(comparing.comparison(sides[0], sides[1], suite or next(iter(boards), None), models))


def _wanted(side: str | Path | Board, out: Path, called: str) -> Wanted:
    """Models and their records; those of a board, whose folder may be a temporary one, are `called` by their part."""
    from bench.running.shelf import Shelf
    from bench.running.wanted import Wanted, wanted

    if not isinstance(side, Board):
        return wanted(str(side), out)
    if side.out is None:
        raise UsageError("a board that was not made by bench.run has no records to compare; give its folder")
    return Wanted(called, Shelf(side.out), side.asked, of_board=True)


def _frame(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    try:
        import pandas
    except ImportError:
        raise UsageError("to_frame needs pandas; run: pip install pandas") from None
    return pandas.DataFrame(rows)


def run(
    suite: str | Suite,
    models: Mapping[str, Any] | Sequence[str] | None = None,
    *,
    limit: int | None = None,
    device: Device = "auto",
    budget: Budget = "full",
    data: str | Path | None = None,
    out: str | Path = "bench-out",
    rerun: Rerun | None = None,
    progress: Style = "none",
    jobs: int = 1,
    executor: Executor | None = None,
    shard: tuple[int, int] | None = None,
    save_examples: int | Literal["all"] = 16,
    isolate: bool | None = None,
    timeout: float = TIMEOUT,
    start_timeout: float = START_TIMEOUT,
    memory_limit: float | None = None,
) -> Board:
    """Run what is missing of a suite and return its board.

    Args:
        suite: a suite's name, also of one that was run into `out`; a YAML file; a `bench.planning.suite.Suite`.
        models: by name, anything that `adapters.wrap` takes or a function that returns it; or what `--model` takes.
            None for the suite's reference models.
        limit: number of examples of a short look.
        device: `auto` is CUDA where there is a device.
        budget: by which recipes reference models are made that there are not; `quick` ones are marked on the boards.
        data: folder in place of the dataset's own files, for datasets that take one.
        out: folder for records and `leaderboard.md`.
        rerun: try failed cells again, or recompute all and compare.
        progress: how to tell what is being done.
        jobs: number of worker processes on this machine; 1 runs everything in this one.
        executor: runs the parts in place of these: Dask's, submitit's, a process pool, whatever `concurrent.futures`
            calls one. Models handed over as objects travel to its workers as they are (docs/scale.md).
        shard: `(i, n)`: run the i-th of n shares, from 1; others run the rest, into this folder or their own.
        save_examples: how many adversarial inputs of each cell are kept in `results/examples` (docs/verify.md).
        isolate: whether models run in processes of their own (docs/isolation.md): all, none, or with None those of
            files and installed packages. Each has `timeout` seconds for a batch and `start_timeout` seconds to be
            imported and made, and may hold `memory_limit` gigabytes of data.

    Raises:
        UsageError: bad input, in one line that says what to do.
        LostModels: none of the models asked for did start, because their processes ended or took too long.
        KeyboardInterrupt: after Ctrl-C, once the records at hand are written.
    """
    from bench.running.execution import Execution
    from bench.running.keeping import number_of
    from bench.running.shelf import Shelf

    _check(limit, device, budget, rerun, progress)
    specs, objects = _models(models)
    limits = Limits(timeout, start_timeout, memory_limit)
    options: dict[str, Any] = {"limit": limit, "device": device, "budget": budget}
    options |= {"data": None if data is None else Path(data)}
    execution = Execution(jobs, executor, shard, keep=number_of(save_examples))
    options |= {"model_specs": specs, "objects": objects, "execution": execution}
    options |= {"limits": None if isolate is False else limits, "isolate": isolate is True}
    return _board(suite, progress, rerun, shelf=Shelf(Path(out)), **options)


def _board(suite: str | Suite, style: Style, rerun: Rerun | None, **options: Any) -> Board:
    """The board of a session with these options, once it is run."""
    from bench.progress import progress as telling
    from bench.running.session import Session
    from bench.running.shelf import write_leaderboard

    with telling(style) as teller, closing(Session(suite, progress=teller, **options)) as session:
        missing = session.missing(rerun)
        summary = session.run(missing) if missing else None
        write_leaderboard(session.shelf)
        if summary is not None and summary.interrupted:
            raise KeyboardInterrupt
        lost = {name: str(each) for name, each in session.models.lost.items()}
        asked = {name: model.fingerprint for name, model in session.asked.items()}
        return Board(session.suite, session.board(), session.failures(), lost, session.shelf.root, asked)


def _check(limit: int | None, device: Device, budget: Budget, rerun: Rerun | None, progress: Style) -> None:
    if limit is not None and limit < 1:
        raise UsageError(f"limit {limit}: give at least 1, or None for all examples")
    check_choice("device", device, Device)
    check_choice("budget", budget, Budget)
    if rerun is not None:
        check_choice("rerun", rerun, Rerun)
    check_choice("progress", progress, Style)


def _models(models: Any) -> tuple[list[str], Mapping[str, Any]]:
    """The models asked for: what `--model` takes, and objects by name."""
    if models is None:
        return [], {}
    remedy = "give names to models, such as {'mine': model}, or None for the suite's own"
    if isinstance(models, str) or not isinstance(models, (Mapping, Sequence)):
        raise UsageError(f"models is a {type(models).__name__}: {remedy}")
    if not models:
        raise UsageError(f"models is {models!r}, which names none: {remedy}")
    if isinstance(models, Mapping):
        return [], models
    for spec in models:
        if not isinstance(spec, str):
            raise UsageError(f"models holds a {type(spec).__name__}: {remedy}")
    return list(models), {}
