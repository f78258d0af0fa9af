"""What is known when the scoreboard is made: records, models and figures. Loads no torch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bench import zoo
from bench.board.versions import judged
from bench.datasets import open_dataset
from bench.datasets.base import Arrays, Dataset
from bench.errors import UsageError
from bench.paper.figures import Lack, lacking
from bench.paper.numbers import Measure, Numbers
from bench.paper.protocol import entry_of, models_of, runs_of
from bench.records.record import Failure, ModelInfo, Record
from bench.running.roster import Models

STAND_INS = ("cifar10", "cifar10-preprocessed")
"""Datasets whose official files, a download, a folder of their images can stand in for."""


class Finding(BaseModel):
    """What the file `ID.json` beside a figure says of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    figure: str
    """Name of the image beside it."""
    shows: bool
    """Whether the image shows what the publication says."""
    finding: str
    """What is to be seen, in words."""
    as_published: bool = True
    """Whether it is drawn from what the publication's was drawn from."""


@dataclass(frozen=True)
class Known:
    """One dataset and the models of its zoo."""

    dataset: Dataset
    names: frozenset[str]
    """All that there are recipes for."""
    ready: frozenset[str]
    """Those of `models` that are shipped or cached here."""
    models: Mapping[str, ModelInfo]
    """Of the full recipes as they are now or, not made here, as they were last judged; else so of the quick ones."""
    short: Mapping[str, ModelInfo] = field(default_factory=dict)
    """Of the quick recipes, as they were last judged."""

    def alike(self, names: Iterable[str]) -> Known:
        """The same with models that were trained alike: where one of these is a quick one, all that have one are."""
        wanted = [name for name in names if name in self.models]
        if not any(self.models[name].effort for name in wanted):
            return self
        return replace(
            self, models={**self.models, **{name: self.short[name] for name in wanted if name in self.short}}
        )

    def runs(self, measure: Measure, names: Collection[str], budget: zoo.Budget = "full") -> list[Measure]:
        """The measurement on every training run of its model among these names that was, or would be, as long."""
        base = self._effort(measure.model, budget)
        return [run for run in runs_of(measure, names) if self._effort(run.model, budget) == base]

    def _effort(self, name: str, budget: zoo.Budget) -> str | None:
        """How short a training the model had or, not made yet, would have; None for that of its full recipe."""
        if name in self.models:
            return self.models[name].effort
        if budget == "full" or name not in self.names:
            return None
        quick = zoo.recipe(self.dataset.name, name, "quick")
        return None if quick == zoo.recipe(self.dataset.name, name) else quick.effort


@dataclass(frozen=True)
class Evidence:
    """All that a scoreboard is made of."""

    records: Mapping[str, Record]
    failures: Mapping[str, Failure]
    known: Mapping[str, Known]
    """By dataset."""
    absent: Mapping[str, str]
    """Datasets that cannot be had or have no models, and why."""
    figures: Mapping[str, Finding] = field(default_factory=dict)
    undrawn: Mapping[str, Lack] = field(default_factory=dict)
    """What other figures lack."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Known datasets whose examples could not be had when they were needed, and why."""


def opened(numbers: Numbers, folder: Path | None) -> dict[str, Dataset]:
    """What the numbers ask for of `STAND_INS`, by name: as a folder of images, or officially where there is none."""
    options = {} if folder is None else {"path": folder}
    asked = dict.fromkeys(measure.dataset for measure in numbers.measures)
    return {name: open_dataset(name, **options) for name in asked if name in STAND_INS}


def gather(
    numbers: Numbers,
    records: Mapping[str, Record],
    failures: Mapping[str, Failure],
    figures: Sequence[Path],
    given: Mapping[str, Dataset] | None = None,
) -> Evidence:
    """What is known of everything that the numbers ask for.

    Args:
        figures: folders of figures and their findings; the later ones count where an id is in several.
        given: datasets by name; of others the official one or, where only stand-ins for it were measured, the newest.
    """
    known: dict[str, Known] = {}
    absent: dict[str, str] = {}
    for name in dict.fromkeys(measure.dataset for measure in numbers.measures):
        try:
            if not zoo.names(name):
                raise UsageError(f"dataset {name} has no models yet")
            dataset = (given or {}).get(name) or _as_measured(open_dataset(name), records)
            known[name] = _known(dataset, records)
        except UsageError as error:
            absent[name] = str(error)
    ids = [number.id for number in numbers.all if number.figure]
    found = {id: finding for folder in figures for id, finding in _findings(folder, ids).items()}
    undrawn = {id: lack for id in ids if id not in found and (lack := lacking(id))}
    return Evidence(records, failures, known, absent, found, undrawn)


def obstacle(measure: Measure, evidence: Evidence) -> str | None:
    """Why a measurement cannot be made at all; None where it can."""
    if measure.dataset in evidence.absent:
        return evidence.absent[measure.dataset]
    try:
        entry_of(measure)
    except UsageError as error:
        return str(error)
    here = evidence.known[measure.dataset]
    if measure.split not in here.dataset.sizes:
        return f"dataset {measure.dataset} has no split {measure.split}"
    lacking = [name for name in models_of(measure) if name not in here.names and name not in here.models]
    return f"no model {' and '.join(lacking)} for {measure.dataset} yet" if lacking else None


def _as_measured(official: Dataset, records: Mapping[str, Record]) -> Dataset:
    """The official dataset, or the stand-in last measured in its place, of which no more is here than the records."""
    if official.name not in STAND_INS:
        return official
    mine = [record for record in records.values() if record.cell.craft.dataset.name == official.name]
    stand_ins = [record for record in mine if record.cell.craft.dataset.note]  # they have one, official data have none
    if not stand_ins or any(record.cell.craft.dataset.checksum == official.checksum for record in mine):
        return official
    last = max(stand_ins, key=lambda record: record.run.finished).cell.craft.dataset
    slices = [record.cell.craft.slice for record in stand_ins if record.cell.craft.dataset.checksum == last.checksum]
    sizes = {**official.sizes, **{part.split: part.of for part in slices if part.split is not None}}
    read = partial(_read_records, official.name)
    return replace(official, sizes=sizes, checksum=last.checksum, note=last.note, read=read)


def _read_records(name: str, split: str) -> Arrays:
    raise UsageError(f"{name} was measured on a folder of images that is not given")


def _known(dataset: Dataset, records: Mapping[str, Record]) -> Known:
    names = zoo.names(dataset.name)
    here = Models(dataset, "cpu", budget="quick")
    current = {name: here.info(name) for name in names if here.is_ready(name)}
    mine = [record for record in records.values() if record.cell.craft.dataset.checksum == dataset.checksum]

    def known(quick: bool) -> tuple[dict[str, ModelInfo], dict[str, ModelInfo]]:
        """The models of quick recipes, or the others: as they were last judged, and as they are now."""
        last = judged(record for record in mine if (record.cell.target.effort is not None) == quick)
        now = {name: model for name, model in current.items() if (model.effort is not None) == quick}
        return {name: versions[-1] for name, versions in last.items()}, now

    (short, quick), (full, whole) = known(True), known(False)
    found = short | quick | full | whole
    ready = frozenset(name for name, model in current.items() if found[name] == model)
    return Known(dataset, frozenset(names), ready, found, short)


def _findings(folder: Path, ids: Iterable[str]) -> dict[str, Finding]:
    """Findings whose image is there."""
    found = {}
    for id in ids:
        path = folder / f"{id}.json"
        if not path.is_file():
            continue
        try:
            finding = Finding.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise UsageError(f"{path} is no finding: {str(error).splitlines()[0]}") from None
        if (folder / finding.figure).is_file():
            found[id] = finding
    return found
