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

    from bench.board.rows import Row
    from bench.planning.suite import Suite
    from bench.records.record import Failure


@dataclass(frozen=True)
class Board:
    """What a run came to: rows as data, and as text when printed."""

    suite: Suite
    rows: list[Row]
    failures: list[Failure]
    lost: dict[str, str] = field(default_factory=dict)
    """Models that did not start, each with the reason; their rows are errors, and they have no records."""

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
        try:
            import pandas
        except ImportError:
            raise UsageError("to_frame needs pandas; run: pip install pandas") from None
        return pandas.DataFrame([row.as_dict() for row in self.rows])

    def _repr_html_(self) -> str:
        """The tables, for a notebook; whatever others wrote into them is text."""
        from bench.report.boards import tables

        return "\n".join(table.html() for table in tables(self.suite, self.rows))


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
        suite: a suite's name, a YAML file, or a `bench.planning.suite.Suite`.
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
        write_leaderboard(session.shelf, session.suite, session.only or ())
        if summary is not None and summary.interrupted:
            raise KeyboardInterrupt
        lost = {name: str(each) for name, each in session.models.lost.items()}
        return Board(session.suite, session.board(), session.failures(), lost)


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
