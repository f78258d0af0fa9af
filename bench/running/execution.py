"""Where the parts of jobs run: in this process, in workers of its own, on an executor; and which of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.errors import told
from bench.errors import UsageError
from bench.planning.plan import Job
from bench.planning.suite import DatasetChoice
from bench.running.remote import WorldSpec
from bench.running.roster import Models

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from bench.running.runner import Runner, Summary
    from bench.running.workers import Shared

AT_ONCE = 64
"""Parts that an executor of unknown size is given at once."""


@dataclass(frozen=True)
class Execution:
    """How a run is carried out. It changes no result."""

    jobs: int = 1
    """Number of worker processes on this machine; 1 to run in this one."""
    executor: Executor | None = None
    """Runs the parts in place of these; whatever `concurrent.futures` calls one."""
    shard: tuple[int, int] | None = None
    """`(i, n)`: run the i-th of n shares of the parts, counted from 1."""
    keep: int = 0
    """How many adversarial inputs of a cell are kept beside its record; of a slice's number or more, all."""

    def __post_init__(self) -> None:
        """
        Raises:
            UsageError: no such number of workers, or no such share.
        """
        if not isinstance(self.jobs, int) or self.jobs < 1:
            raise UsageError(f"jobs {self.jobs!r}: give a whole number, at least 1")
        if self.executor is not None and not callable(getattr(self.executor, "submit", None)):
            raise UsageError(f"executor is a {type(self.executor).__name__}: give one of concurrent.futures")
        if self.executor is not None and self.jobs > 1:
            raise UsageError(f"jobs {self.jobs} and an executor: the executor has processes of its own; leave out jobs")
        match self.shard:
            case None:
                pass
            case (int(mine), int(count)) if 1 <= mine <= count:
                pass
            case _:
                raise UsageError(f"shard {self.shard!r}: give the I-th of N with I from 1 to N, such as (1, 4)")

    def chosen(self, planned: Sequence[Job]) -> Callable[[Job, int], bool]:
        """Which parts are this run's, of all that the suite plans, done or not."""
        if self.shard is None:
            return lambda job, number: True
        from bench.running.costs import shares

        mine, count = self.shard
        taken = shares(planned, count)
        return lambda job, number: taken[job.craft.id, number] == mine - 1

    def run(
        self, runner: Runner, work: list[Job], dataset: DatasetChoice, models: Models, objects: Mapping[str, Any]
    ) -> Summary:
        """Carry out jobs.

        Args:
            runner: publishes what they come to.
            work: in the order of the plan.
            dataset: as the suite names it.
            models: of this process.
            objects: those of them that were handed over as objects; they travel as they are, or as their origin says.
        """
        isolated = {} if models.isolated is None else models.isolated.origins
        if self.executor is None and self.jobs == 1:
            from bench.running.world import World

            world = World(models.dataset, models.adapter, models.resolved_device, files=models.files(), keep=self.keep)
            return runner.run(work, world)
        from bench.running.costs import cost
        from bench.running.workers import LocalWorkers
        from bench.running.workers.devices import cuda_devices

        models.close()  # they are made again in each process
        work = sorted(work, key=lambda job: -cost(job, 0))  # what takes longest is not left to the end
        with contextlib.ExitStack() as stack:
            live = None
            objects = {name: model for name, model in objects.items() if name not in isolated}
            if objects:
                live = stack.enter_context(_packed(objects, inline=self.executor is not None))
            options = dataset.options
            if isinstance(options.get("path"), str):
                options["path"] = str(Path(options["path"]).resolve())
            spec = WorldSpec(
                dataset=dataset.name,
                options=tuple(sorted(options.items())),
                device=models.resolved_device,
                budget=models.budget,
                guests=tuple((name, given) for name, given in models.specs.items() if name not in isolated),
                live=live,
                live_key=live.digest if live is not None else "",
                isolated=tuple(isolated.items()),
                limits=models.isolated.limits if models.isolated is not None else None,
                keep=self.keep,
            )
            if self.executor is not None:
                return runner.run_on(self.executor, work, spec, AT_ONCE)
            given = cuda_devices() if spec.device == "cuda" else []
            pool = stack.enter_context(LocalWorkers(self.jobs, devices=given))
            return runner.run_on(pool, work, spec, 2 * self.jobs)


def _packed(objects: Mapping[str, Any], inline: bool) -> Shared[dict[str, Any]]:
    """Models ready to travel.

    Raises:
        UsageError: one of them cannot.
    """
    from bench.running.workers import Shared

    for name, model in objects.items():
        try:
            Shared.of(model).close()
        except Exception as error:
            raise UsageError(
                f"model {name!r} cannot go to another process ({told(error)}); "
                "name it as FILE.py:OBJECT, or leave out jobs"
            ) from error
    return Shared.of(dict(objects), inline=inline)
