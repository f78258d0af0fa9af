"""What a plan will ask of its models and how long that takes, before any of it is run.

By the records of the same attack on the same data where there are some; else by what an attack's parameters allow it,
and by how fast a model answers a few examples, or its kind is known to be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bench.attacks.base import Attack
from bench.datasets.base import Dataset
from bench.planning.plan import Job, attack_of
from bench.records.identity import canonical
from bench.records.record import Cell, ModelInfo, Record
from bench.running.costs import FAMILIES, OTHERS, Each
from bench.running.layout import parts

if TYPE_CHECKING:
    from adapters.base import Adapter

SHOWN = 32
"""Examples by which a model's speed is measured."""
FEATURES = 784
"""Of the examples that the speeds of kinds were measured on."""
OVERHEAD = 0.3
"""Seconds that a part takes besides, for asking again, checks and files: 0.3 to 0.6 of a small net's."""
Kind = tuple[str, str]
"""An attack with its parameters, and the kind of model that it is crafted on; of none, that is judged."""


@dataclass(frozen=True)
class Asked:
    """Of all examples of a job, or of several. Sums are taken with `+`."""

    gradients: float = 0.0
    """Examples that crafting needs gradients of."""
    queries: float = 0.0
    """Examples that crafting asks for labels or scores."""
    labels: float = 0.0
    """Examples that are judged."""
    seconds: float = 0.0
    """Of one core."""

    def __add__(self, other: Asked) -> Asked:
        return Asked(
            self.gradients + other.gradients,
            self.queries + other.queries,
            self.labels + other.labels,
            self.seconds + other.seconds,
        )


@dataclass
class Estimate:
    """What jobs come to on one dataset."""

    dataset: Dataset
    speeds: Mapping[str, Each]
    """Of models whose speed was measured, by name."""
    known: dict[Kind, list[Asked]] = field(default_factory=dict)
    """What one example of a cell took in records."""

    @classmethod
    def of(cls, dataset: Dataset, records: Iterable[Record], speeds: Mapping[str, Each]) -> Estimate:
        """By the records of the dataset, and by speeds of some models."""
        found = cls(dataset, speeds)
        for record in records:
            cell, n = record.cell, record.result.n
            if cell.craft.dataset.checksum == dataset.checksum and n and record.result.status == "ok":
                costs = record.result.costs
                asked = (costs.gradients / n, costs.queries / n) if costs else (0.0, 0.0)
                took = Asked(*asked, 1, record.run.seconds / n)
                found.known.setdefault(_kind(cell), []).append(took)
        return found

    def __call__(self, job: Job) -> Asked:
        """What a job comes to."""
        attack, n, source = attack_of(job.craft), job.craft.slice.n, job.craft.source
        calls = 1 if attack.serves_grid else len({cell.threat for cell in job.cells})
        alike = self.known.get(_kind(job.cells[0]))
        each = _mean(alike) if alike else Asked(*at_most(attack))
        gradients, queries = calls * each.gradients, calls * each.queries
        if alike and (source is None or source.name not in self.speeds):
            seconds = sum(_mean(self.known.get(_kind(cell), alike)).seconds for cell in job.cells)
        else:
            own = Each(0, 0) if source is None else self._speed(source)
            judged = sum(self._speed(cell.target).label for cell in job.cells)
            seconds = 1e-6 * (gradients * own.gradient + queries * own.label + judged) + parts(n) * OVERHEAD / n
        return Asked(n * gradients, n * queries, n * len(job.cells), n * seconds)

    def is_known(self, job: Job) -> bool:
        """Whether records tell what the attack asks; else it is at most what its parameters allow."""
        return _kind(job.cells[0]) in self.known

    def _speed(self, model: ModelInfo) -> Each:
        if model.name in self.speeds:
            return self.speeds[model.name]
        each, share = FAMILIES.get(model.family, OTHERS), self.dataset.features / FEATURES
        return Each(each.label * share, each.gradient * share)


def at_most(attack: Attack) -> tuple[float, float]:
    """Gradients and queries that an attack may ask of an example, by its parameters."""
    if attack.needs == "gradient":
        tries = getattr(attack, "searches", 1) * (1 + getattr(attack, "restarts", 0))
        return float(getattr(attack, "screen", 0) + tries * getattr(attack, "steps", 1)), 0.0
    asks = attack.needs in ("labels", "scores")
    return 0.0, float(getattr(attack, "queries", getattr(attack, "points", 1))) if asks else 0.0


def speed(adapter: Adapter, dataset: Dataset, clock: Callable[[], float] = time.perf_counter) -> Each:
    """Microseconds that a model takes for an example, by a few of the dataset's; 0 for what it raises at."""
    import torch

    split = "test" if "test" in dataset.sizes else next(iter(dataset.sizes))
    few = np.arange(min(SHOWN, dataset.sizes[split]))
    x = torch.from_numpy(dataset.examples(split, few)).to(adapter.device)
    y = torch.from_numpy(dataset.labels(split)[few]).to(adapter.device)

    def took(ask: Callable[[], object]) -> float:
        try:
            ask()  # which may load, compile or allocate something
            started = clock()
            ask()
        except Exception:  # noqa: BLE001 - that it fails shows when it is run
            return 0.0
        return 1e6 * (clock() - started) / len(few)

    gradient = took(lambda: adapter.input_gradient(x, y)) if adapter.gradient != "none" else 0.0
    return Each(took(lambda: adapter.outputs(x)), gradient)


def _kind(cell: Cell) -> Kind:
    craft = cell.craft
    return canonical(craft.attack), craft.source.family if craft.source is not None else cell.target.family


def _mean(found: Iterable[Asked]) -> Asked:
    each = list(found)
    total = sum(each, Asked())
    return Asked(*(value / len(each) for value in (total.gradients, total.queries, total.labels, total.seconds)))
