"""What `bench paper` does: run what is missing, make the scoreboard, write the document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from bench.datasets.base import Dataset
from bench.errors import UsageError
from bench.files import replace_file
from bench.paper.document import document
from bench.paper.evidence import STAND_INS, Evidence, gather, obstacle, opened
from bench.paper.figures import NEEDS, draw_all
from bench.paper.numbers import PUBLISHED, Measure, Numbers, load_numbers
from bench.paper.protocol import models_of, suite_of
from bench.paper.scoreboard import Line, scoreboard
from bench.planning.plan import expand
from bench.planning.suite import Suite
from bench.progress import Progress, Say, quiet
from bench.running.roster import Models
from bench.running.session import Session
from bench.running.shelf import Shelf
from bench.zoo import Budget

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
        data: folder of images that stands in for the official CIFAR-10, which else is downloaded when it is needed.
        numbers: the file of published numbers.

    Raises UsageError for bad input.
    """
    asked = load_numbers(numbers)
    path = (shelf.out / "docs" if (shelf.out / "docs").is_dir() else shelf.out) / "paper.md"
    given = {} if data is None else opened(asked, data)
    # A full run is of the official data, even where a stand-in was measured before.
    plan = _evidence(asked, shelf, path, opened(asked, None) if data is None and budget == "full" else given)
    unreadable: dict[str, str] = {}
    failed, interrupted = 0, False
    for suite in _suites(asked, budget, plan):
        name = suite.dataset.name
        if name in unreadable or _complete(suite, budget, plan):
            continue
        try:
            if name in STAND_INS:  # reading may take a download or a whitening
                progress.starting(f"reading {name}")
                plan.known[name].dataset.stored(suite.dataset.split)
        except UsageError as error:
            if data is not None:
                raise
            unreadable[name] = str(error)
            continue
        place = data if name in given else None
        session = Session(suite, progress=progress, shelf=shelf, device=device, budget=budget, data=place)
        if missing := session.missing("failed"):
            summary = session.run(missing)
            failed += len(summary.failed)
            if interrupted := summary.interrupted:
                break
    if not interrupted:
        _draw(asked, path.parent / "figures", progress)
    evidence = _evidence(asked, shelf, path, given, progress.say)
    lines = scoreboard(asked, replace(evidence, unreadable=unreadable))
    replace_file(path, document(asked, lines).encode())
    return Reproduction(lines, path, failed, interrupted)


def _draw(numbers: Numbers, folder: Path, progress: Progress) -> None:
    """Draw the figures that are not there and whose models are; none without matplotlib, the extra `figures`."""
    wanted = [number.id for number in numbers.all if number.figure and number.id in NEEDS]
    lacking = [id for id in wanted if not (folder / f"{id}.json").is_file()]
    if lacking and find_spec("matplotlib"):
        draw_all(folder, progress.say, lacking)


def _evidence(numbers: Numbers, shelf: Shelf, path: Path, given: Mapping[str, Dataset], say: Say = quiet) -> Evidence:
    figures = [FIGURES] * shelf.with_published + [path.parent / "figures"]
    return gather(numbers, shelf.records(say), shelf.failures(quiet), figures, given)


def _suites(numbers: Numbers, budget: Budget, evidence: Evidence) -> Iterator[Suite]:
    """What the budget allows to be run, by dataset and split."""
    groups: dict[tuple[str, str], list[Measure]] = {}
    for measure in numbers.measures:
        if obstacle(measure, evidence) is None:
            known = evidence.known[measure.dataset]
            # A quick run makes no second model of those judged elsewhere: their records stand.
            allowed = known.names if budget == "full" else known.names - (known.models.keys() - known.ready)
            for run in known.runs(measure, known.names, budget):
                if allowed.issuperset(models_of(run)):
                    groups.setdefault((run.dataset, run.split), []).append(run)
    return map(suite_of, groups.values())


def _complete(suite: Suite, budget: Budget, evidence: Evidence) -> bool:
    """Whether the models are made and the cells recorded, so that no example has to be read."""
    dataset = evidence.known[suite.dataset.name].dataset
    models = Models(dataset, "cpu", budget=budget)
    if not all(models.is_ready(name) for name in suite.models):
        return False
    infos = {name: models.info(name) for name in suite.models}
    return all(item.cell.id in evidence.records for item in expand(suite, dataset, infos, {}))
