"""What `bench paper` does: run what is missing, make the scoreboard, write the document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bench.datasets.base import Dataset
from bench.errors import UsageError
from bench.files import replace_file
from bench.paper.document import document
from bench.paper.evidence import STAND_INS, Evidence, Known, gather, obstacle, opened
from bench.paper.figures import TABLE, draw_all
from bench.paper.numbers import PUBLISHED, Measure, Numbers, load_numbers
from bench.paper.protocol import cells_of, models_of, suite_of
from bench.paper.scoreboard import Line, scoreboard
from bench.progress import Progress, Say, quiet
from bench.running.roster import Models
from bench.running.session import Session, Shelf
from bench.zoo import Budget

if TYPE_CHECKING:
    from bench.running.runner import Summary


FIGURES = Path("docs/figures")
"""Published figures and their findings; read wherever the command is run."""


@dataclass(frozen=True)
class Reproduction:
    """What a call came to."""

    lines: list[Line]
    path: Path
    """The document."""
    failed: int
    """Cells that failed."""
    interrupted: bool


def reproduce(
    budget: Budget,
    shelf: Shelf,
    *,
    progress: Progress,
    device: str = "auto",
    data: Path | None = None,
    numbers: Path = PUBLISHED,
) -> Reproduction:
    """Run what the budget allows and is missing, then compare; the same call resumes.

    The document is `docs/paper.md` where the out folder has a folder `docs`, as the repository has; else `paper.md`.

    Args:
        budget: by which recipes models are made that there are not: `quick`, in minutes, unless they were judged
            before; or `full`, which may take hours each.
        shelf: where records are read and written.
        progress: told what is being done.
        device: `auto`, `cpu` or `cuda`.
        data: folder of images that stands in for the official CIFAR-10, which else is downloaded when it is needed.
        numbers: the file of published numbers.

    Raises:
        UsageError: bad input, in one line.
    """
    asked = load_numbers(numbers)
    path = (shelf.out / "docs" if (shelf.out / "docs").is_dir() else shelf.out) / "paper.md"
    given = {} if data is None else opened(asked, data)
    # A full run is of the official data, even where a stand-in was measured before.
    plan = _evidence(asked, shelf, path, opened(asked, None) if data is None and budget == "full" else given)
    unreadable: dict[str, str] = {}
    failed, interrupted = 0, False
    for measures in _by_split(asked, budget, plan):
        name = measures[0].dataset
        if name in unreadable or _complete(measures, budget, plan):
            continue
        try:
            _read(measures, plan, progress)
        except UsageError as error:
            if data is not None:
                raise
            unreadable[name] = str(error)
            continue
        summary = _run(measures, budget, shelf, progress, device, data if name in given else None)
        if summary is not None:
            failed += len(summary.failed)
            if summary.interrupted:
                interrupted = True
                break
    if not interrupted:
        _draw(asked, path.parent / "figures", progress)
    evidence = _evidence(asked, shelf, path, given, progress.say)
    lines = scoreboard(asked, replace(evidence, unreadable=unreadable))
    replace_file(path, document(asked, lines).encode())
    return Reproduction(lines, path, failed, interrupted)


def _draw(numbers: Numbers, folder: Path, progress: Progress) -> None:
    """Draw the figures that are not there and whose models are; none without matplotlib, the extra `figures`."""
    wanted = [number.id for number in numbers.all if number.figure and number.id in TABLE]
    lacking = [id for id in wanted if not (folder / f"{id}.json").is_file()]
    if lacking and find_spec("matplotlib"):
        draw_all(folder, progress.say, lacking)


def _evidence(numbers: Numbers, shelf: Shelf, path: Path, given: Mapping[str, Dataset], say: Say = quiet) -> Evidence:
    records = shelf.records(say)
    figures = [path.parent / "figures"]
    if shelf.with_published:
        figures.insert(0, FIGURES)
    return gather(numbers, records, shelf.failures(quiet), figures, given)


def _by_split(numbers: Numbers, budget: Budget, evidence: Evidence) -> Iterator[list[Measure]]:
    """What the budget allows to be run, by dataset and split."""
    groups: dict[tuple[str, str], list[Measure]] = {}
    for measure in numbers.measures:
        if obstacle(measure, evidence) is None:
            known = evidence.known[measure.dataset]
            for run in known.runs(measure, known.names, budget):
                if _allowed(run, known, budget):
                    groups.setdefault((run.dataset, run.split), []).append(run)
    yield from groups.values()


def _allowed(measure: Measure, known: Known, budget: Budget) -> bool:
    """A quick run makes no second model of those judged elsewhere: their records stand."""
    elsewhere = known.models.keys() - known.ready
    return set(models_of(measure)) <= (known.names if budget == "full" else known.names - elsewhere)


def _complete(measures: list[Measure], budget: Budget, evidence: Evidence) -> bool:
    """Whether the models are made and the cells recorded, so that no example has to be read."""
    dataset = evidence.known[measures[0].dataset].dataset
    models = Models(dataset, "cpu", budget=budget)
    names = {name for measure in measures for name in models_of(measure)}
    if not all(models.is_ready(name) for name in names):
        return False
    infos = {name: models.info(name) for name in names}
    return all(cell.id in evidence.records for measure in measures for cell in cells_of(measure, dataset, infos))


def _read(measures: list[Measure], evidence: Evidence, progress: Progress) -> None:
    """Read the examples measured on, where that may take a download or a whitening.

    Raises:
        UsageError: they cannot be had.
    """
    if measures[0].dataset in STAND_INS:
        progress.starting(f"reading {measures[0].dataset}")
        evidence.known[measures[0].dataset].dataset.stored(measures[0].split)


def _run(
    measures: list[Measure], budget: Budget, shelf: Shelf, progress: Progress, device: str, data: Path | None
) -> Summary | None:
    """Run the cells behind the measurements, on the data at a path if one is given; None where nothing is missing."""
    suite = suite_of(measures)
    session = Session(suite, progress=progress, shelf=shelf, device=device, budget=budget, data=data)
    models = {name: session.models.info(name) for name in suite.models}
    wanted = {cell.id for measure in measures for cell in cells_of(measure, session.dataset, models)}
    missing = {item.cell.id: item for item in session.missing("failed") if item.cell.id in wanted}
    return session.run(list(missing.values())) if missing else None
