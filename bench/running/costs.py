"""What parts cost, by estimate: which shard takes which, and which are begun first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bench.planning.plan import Job, attack_of
from bench.running.layout import PART, parts


class Each(NamedTuple):
    """Microseconds an example, of one core."""

    label: float
    gradient: float


FAMILIES = {
    "knn": Each(180, 300),
    "svm": Each(80, 70),
    "forest": Each(25, 1900),
    "maxout": Each(20, 30),
    "tree": Each(2, 40),
}
"""Rough: from how long a run on MNIST took. Only which shard takes a part, and when, depends on it."""
OTHERS = Each(10, 20)


def cost(job: Job, number: int) -> float:
    """Estimated seconds of one part of a job on one core."""
    n = min(PART, job.craft.slice.n - number * PART)
    attack, source = attack_of(job.craft), job.craft.source
    label = sum(FAMILIES.get(cell.target.family, OTHERS).label for cell in job.cells)
    crafted = 0.0
    if source is not None:
        calls = 1 if attack.serves_grid else len({cell.threat for cell in job.cells})
        each = FAMILIES.get(source.family, OTHERS)
        asks = attack.needs in ("labels", "scores")
        once = getattr(attack, "queries", 1) * each.label if asks else getattr(attack, "steps", 1) * each.gradient
        crafted = calls * once
    return n * (label + crafted) * 1e-6


def shares(jobs: Sequence[Job], count: int) -> dict[tuple[str, int], int]:
    """Which of so many shards, from 0, takes each part of each craft: the dearest first, each to the least laden.

    It follows from the jobs alone, so that shards that know nothing of each other agree.
    """
    tasks = [(cost(job, number), job.craft.id, number) for job in jobs for number in range(parts(job.craft.slice.n))]
    load, taken = [0.0] * count, dict[tuple[str, int], int]()
    for price, craft, number in sorted(tasks, key=lambda task: (-task[0], *task[1:])):
        shard = min(range(count), key=lambda place: (load[place], place))
        load[shard] += price
        taken[craft, number] = shard
    return taken
