"""What is known when the scoreboard is made: records, models and figures. Loads no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bench import zoo
from bench.datasets import open_dataset
from bench.datasets.base import Dataset
from bench.errors import UsageError
from bench.models import Models, quick_note
from bench.paper.numbers import Measure, Numbers
from bench.paper.protocol import entry_of, models_of
from bench.results.record import Failure, ModelInfo, Record


class Finding(BaseModel):
    """What the file `ID.json` beside a figure says of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    figure: str
    """Name of the image beside it."""
    shows: bool
    """Whether the image shows what the publication says."""
    finding: str
    """What is to be seen, in words."""


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


def gather(
    numbers: Numbers, records: Mapping[str, Record], failures: Mapping[str, Failure], figures: Sequence[Path]
) -> Evidence:
    """What is known of everything that the numbers ask for.

    Args:
        numbers: what is asked.
        records: by id.
        failures: by id.
        figures: folders of figures and their findings; the later ones count where an id is in several.
    """
    known: dict[str, Known] = {}
    absent: dict[str, str] = {}
    for name in dict.fromkeys(measure.dataset for measure in numbers.measures):
        try:
            if not zoo.names(name):
                raise UsageError(f"dataset {name} has no models yet")
            known[name] = _known(name, records)
        except UsageError as error:
            absent[name] = str(error)
    ids = [number.id for number in numbers.all if number.figure]
    found = {id: finding for folder in figures for id, finding in _findings(folder, ids).items()}
    return Evidence(records, failures, known, absent, found)


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


def _known(name: str, records: Mapping[str, Record]) -> Known:
    dataset = open_dataset(name)
    names = zoo.names(name)
    here = Models(dataset, "cpu", lambda line: None, budget="quick")
    current = {model: here.info(model) for model in names if here.is_ready(model)}
    found = _last_judged(dataset, records, quick=True) | _of(current, quick=True)
    found |= _last_judged(dataset, records, quick=False) | _of(current, quick=False)
    ready = frozenset(name for name, model in current.items() if found[name] == model)
    return Known(dataset, frozenset(names), ready, found)


def _of(models: Mapping[str, ModelInfo], quick: bool) -> dict[str, ModelInfo]:
    """Those of quick recipes, or the others."""
    return {name: model for name, model in models.items() if (quick_note(model) is not None) == quick}


def _last_judged(dataset: Dataset, records: Mapping[str, Record], quick: bool) -> dict[str, ModelInfo]:
    """The models last judged on the dataset under their names, of quick recipes or the others."""
    found: dict[str, tuple[str, ModelInfo]] = {}
    for record in records.values():
        model = record.cell.target
        if record.cell.craft.dataset.checksum != dataset.checksum or (quick_note(model) is not None) != quick:
            continue
        if model.name not in found or found[model.name][0] < record.run.finished:
            found[model.name] = record.run.finished, model
    return {name: model for name, (_, model) in found.items()}


def _findings(folder: Path, ids: Iterable[str]) -> dict[str, Finding]:
    """Findings whose image is there."""
    found = {}
    for id in ids:
        path = folder / f"{id}.json"
        if path.is_file():
            try:
                finding = Finding.model_validate_json(path.read_bytes())
            except ValidationError as error:
                raise UsageError(f"{path} is no finding: {str(error).splitlines()[0]}") from None
            if (folder / finding.figure).is_file():
                found[id] = finding
    return found
