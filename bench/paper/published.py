"""The published measurements as a suite's attacks and models: what `attacks: published` in a suite file stands for."""

from __future__ import annotations

from functools import cache

from bench import zoo
from bench.errors import UsageError
from bench.paper.numbers import Measure, load_numbers
from bench.paper.protocol import entry_of, models_of, runs_of
from bench.planning.entry import Entry


def published(dataset: str, split: str) -> tuple[list[Entry], list[str]]:
    """An entry for every measurement on a split, and the models that they meet, in the order of the numbers.

    Entries equal but for the models judged are one. A measurement that meets a model without a recipe is left out;
    every training run of a model is measured.

    Raises:
        UsageError: there is none.
    """
    known = frozenset(zoo.names(dataset))
    judged: dict[str, tuple[Entry, dict[str, None]]] = {}
    models: dict[str, None] = {}
    for measure in _measures():
        if (measure.dataset, measure.split) != (dataset, split):
            continue
        for run in runs_of(measure, known):
            if known.issuperset(models_of(run)):
                models |= dict.fromkeys(models_of(run))
                entry = entry_of(run)
                judged.setdefault(entry.model_dump_json(), (entry, {}))[1].update(dict.fromkeys(_judged(run)))
    if not judged:
        raise UsageError(f"nothing is published on dataset {dataset}, split {split}, of models that there are")
    return [entry.model_copy(update={"models": list(names)}) for entry, names in judged.values()], list(models)


@cache
def _measures() -> list[Measure]:
    return load_numbers().measures


def _judged(measure: Measure) -> list[str]:
    """The target, and whom it is to agree with. A source is judged on its own in any case."""
    return [name for name in (measure.model, measure.of) if name]
