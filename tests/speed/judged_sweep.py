"""The sweep that the comparisons measure, as the product runs it: planned, crafted, judged and recorded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from adapters.base import Adapter
from bench.datasets.base import Dataset
from bench.planning.plan import Job, expand, jobs
from bench.planning.suite import parse_suite
from bench.progress import Progress
from bench.records.record import ModelInfo
from bench.records.store import Store
from bench.running.runner import Runner
from bench.running.world import World

BATCH = 500
EPSILONS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
SUITE = f"""
suite: sweep
dataset: {{name: mnist, split: test}}
attacks: [{{attack: fgsm, norm: linf, eps: {list(EPSILONS)}}}]
"""


def plan_sweep(dataset: Dataset, model: Adapter) -> list[Job]:
    """The attack's jobs, one a slice of the dataset; the clean pass, which every suite plans too, is left out."""
    info = ModelInfo(name="maxout", fingerprint=model.fingerprint, family=model.family, gradient=model.gradient)
    planned = expand(parse_suite(SUITE, "sweep"), dataset, {info.name: info}, {})
    return jobs(item.cell for item in planned if item.cell.craft.attack.name == "fgsm")


def run_sweep(dataset: Dataset, model: Adapter, sweep: Iterable[Job], folder: Path) -> list[int]:
    """Run the jobs into an empty folder; the number of errors at each epsilon."""
    sweep = list(sweep)
    store = Store(folder)
    store.prepare()
    summary = Runner(store, Progress()).run(sweep, World(dataset, lambda name: model, "cpu", BATCH))
    if summary.failed:
        raise RuntimeError(f"{summary.failed[0].kind}: {summary.failed[0].message}")
    errors = dict.fromkeys(EPSILONS, 0)
    for job in sweep:
        for cell in job.cells:
            record = store.record(cell.id)
            errors[cell.threat.eps] += record.result.errors
    return list(errors.values())
