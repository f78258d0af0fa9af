"""The published measurements as a suite's attacks and models: what `attacks: published` in a suite file stands for."""

from __future__ import annotations

from functools import cache

from bench import zoo
from bench.errors import UsageError
from bench.paper.numbers import Measure, load_numbers
from bench.paper.protocol import models_of, runs_of, suite_of
from bench.planning.entry import Entry


def published(dataset: str, split: str) -> tuple[list[Entry], list[str]]:
    """An entry for every measurement on a split, and the models that they meet, in the order of the numbers.

    A measurement that meets a model without a recipe is left out; every training run of a model is measured.

    Raises:
        UsageError: there is none.
    """
    known = frozenset(zoo.names(dataset))
    here = [measure for measure in _measures() if (measure.dataset, measure.split) == (dataset, split)]
    asked = [run for measure in here for run in runs_of(measure, known) if known.issuperset(models_of(run))]
    if not asked:
        raise UsageError(f"nothing is published on dataset {dataset}, split {split}, of models that there are")
    suite = suite_of(asked)
    return suite.attacks, suite.models


@cache
def _measures() -> list[Measure]:
    return load_numbers().measures
