"""Shards: every part goes to one of them, whoever asks, and none has much more to do than the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from handmade import model, suite_of, toy

from bench.datasets import open_dataset
from bench.planning.plan import Job, expand, jobs
from bench.planning.suite import load_suite
from bench.records.store import Store
from bench.running.costs import shares
from bench.running.layout import parts

PUBLISHED = Path(__file__).parents[3] / "results"


def planned() -> list[Job]:
    infos = {name: model(name, family=family) for name, family in (("a", "knn"), ("b", "tree"))}
    attacks = "  - {attack: fgsm, norm: linf, eps: [0.1, 0.2], sources: all}"
    data = toy([0, 1] * 4_500, classes=2)
    return jobs(item.cell for item in expand(suite_of(attacks, list(infos)), data, infos, {}))


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_every_part_goes_to_one_shard(count: int) -> None:
    taken = shares(planned(), count)
    assert taken.keys() == {(job.craft.id, number) for job in planned() for number in range(parts(job.craft.slice.n))}
    assert set(taken.values()) <= set(range(count))
    assert taken == shares(list(reversed(planned())), count), "the order of the plan decides nothing"


@pytest.mark.slow
@pytest.mark.parametrize("count", range(2, 9))
def test_no_shard_of_mnist_fgsm_costs_over_1_3_times_the_mean(count: int) -> None:
    """By the seconds that the published records took."""
    suite, records = load_suite("mnist-fgsm"), Store(PUBLISHED).records(print)
    wanted = {
        record.cell.target.name: record.cell.target for record in records.values() if not record.cell.target.effort
    }
    references = {name: wanted[name] for name in suite.models}
    work = jobs(item.cell for item in expand(suite, open_dataset("mnist"), references, {}))
    load = [0.0] * count
    for (craft, _), shard in shares(work, count).items():
        (job,) = [job for job in work if job.craft.id == craft]
        seconds = sum(records[cell.id].run.seconds for cell in job.cells)
        load[shard] += seconds / parts(job.craft.slice.n)
    assert max(load) <= 1.3 * sum(load) / count
