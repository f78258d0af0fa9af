"""Measurements as suites: what has to be run for a number is planned, run and recorded like anything else."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache

from bench import zoo
from bench.datasets.base import Dataset
from bench.errors import UsageError
from bench.paper.numbers import SEEDS, Measure, load_numbers
from bench.planning.entry import Entry
from bench.planning.plan import expand
from bench.planning.suite import DatasetChoice, Suite
from bench.records.record import Cell, ModelInfo


def entry_of(measure: Measure) -> Entry:
    """The entry of a suite that asks for a measurement. Raises UsageError: no such attack, or not these parameters."""
    asked = {"attack": measure.attack, "n": measure.n, "criterion": measure.criterion, **measure.parameters}
    if measure.eps is not None:
        asked |= {"norm": measure.norm or "linf", "eps": measure.eps, "clip": measure.clip}
    return Entry.model_validate(asked | ({} if measure.source is None else {"sources": [measure.source]}))


def models_of(measure: Measure) -> list[str]:
    """The models that a measurement meets, its target first."""
    return list(dict.fromkeys(name for name in (measure.model, measure.source, measure.of) if name))


def runs_of(measure: Measure, names: Collection[str]) -> list[Measure]:
    """The same measurement on every training run of its model among these names."""
    alike = re.compile(re.escape(measure.model) + SEEDS)
    return [measure.model_copy(update={"model": name}) for name in sorted(names) if alike.fullmatch(name)]


def suite_of(measures: Iterable[Measure]) -> Suite:
    """The suite of measurements on one split of one dataset, in their order; there must be one.

    Entries equal but for the models judged are one. A source is judged on its own in any case.
    """
    listed = list(measures)
    judged: dict[str, tuple[Entry, dict[str, None]]] = {}
    for measure in listed:
        entry = entry_of(measure)
        names = judged.setdefault(entry.model_dump_json(), (entry, {}))[1]
        names |= dict.fromkeys(name for name in (measure.model, measure.of) if name)
    return Suite(
        suite=f"paper-{listed[0].dataset}",
        dataset=DatasetChoice(name=listed[0].dataset, split=listed[0].split),
        models=list(dict.fromkeys(name for measure in listed for name in models_of(measure))),
        attacks=[entry.model_copy(update={"models": list(names)}) for entry, names in judged.values()],
        board="paper",
    )


def cells_of(measure: Measure, dataset: Dataset, models: Mapping[str, ModelInfo]) -> list[Cell]:
    """All cells behind a measurement: the row itself, the clean pass, and the rows that an agreement is with."""
    met = {name: models[name] for name in models_of(measure)}
    return [planned.cell for planned in expand(suite_of([measure]), dataset, met, {})]


def published(dataset: str, split: str) -> tuple[list[Entry], list[str]]:
    """What `attacks: published` in a suite file stands for: an entry for every measurement on a split, and the models.

    A measurement that meets a model without a recipe is left out; every training run of a model is measured. Raises
    UsageError where none is left.
    """
    here = [measure for measure in _measures() if (measure.dataset, measure.split) == (dataset, split)]
    told = tuple(measure.model_dump_json() for measure in here)
    suite = _published(dataset, split, frozenset(zoo.names(dataset)), told)
    return list(suite.attacks), list(suite.models)


@cache
def _published(dataset: str, split: str, known: frozenset[str], told: tuple[str, ...]) -> Suite:
    """Of measurements as JSON. Remembered, since every run reads the suites that ship once more."""
    here = map(Measure.model_validate_json, told)
    asked = [run for measure in here for run in runs_of(measure, known) if known.issuperset(models_of(run))]
    if not asked:
        raise UsageError(f"nothing is published on dataset {dataset}, split {split}, of models that there are")
    return suite_of(asked)


@cache
def _measures() -> list[Measure]:
    return load_numbers().measures
