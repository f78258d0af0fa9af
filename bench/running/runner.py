"""Carrying out jobs: here or on an executor, part by part; parts are published, joined to records, and compared."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adapters.errors import InvalidOutput, no_gradient, told
from bench.attacks import make_attack
from bench.errors import UsageError
from bench.planning.plan import Job, can_craft
from bench.progress import Progress, Say, quiet
from bench.records.cell import Cell
from bench.records.part import Part
from bench.records.record import Failure, Record, Result, Run
from bench.records.store import Store
from bench.running.interrupts import graceful
from bench.running.keeping import assembled, told_of
from bench.running.layout import parts
from bench.running.pieces import Pieces
from bench.running.tally import joined
from bench.running.tasks import Ahead, Task

if TYPE_CHECKING:
    from bench.running.remote import WorldSpec
    from bench.running.world import World


@dataclass
class Summary:
    """What a run did."""

    done: int = 0
    unsupported: int = 0
    failed: list[Failure] = field(default_factory=list)
    same: int = 0
    """Recomputed with an equal result."""
    near_ties: list[tuple[Cell, int]] = field(default_factory=list)
    """Recomputed with a handful of labels moved, as rounding does."""
    conflicts: list[tuple[Cell, int]] = field(default_factory=list)
    """Recomputed with another result."""
    findings: dict[str, set[str]] = field(default_factory=dict)
    """What asking again found, by the target's name; also where a cell was recomputed and nothing published."""
    waiting: int = 0
    """Cells that lack parts of other shards."""
    interrupted: bool = False


class Runner:
    """Publishes what jobs come to into one store."""

    def __init__(
        self,
        store: Store,
        progress: Progress,
        *,
        known: Mapping[str, Record] | None = None,
        chosen: Callable[[Job, int], bool] = lambda job, number: True,
    ) -> None:
        """
        Args:
            store: where records go.
            progress: who is told.
            known: records, by id, to compare with in place of publishing.
            chosen: which parts of which jobs are this run's; the others are another shard's.
        """
        self.store = store
        self.progress = progress
        self.known = known or {}
        self.chosen = chosen
        self.summary = Summary()
        self._pieces = Pieces()
        self._kept: list[Part] = []
        """Parts on the disk."""
        self._settled: set[str] = set()
        """Cells that have a record or have failed."""

    def run(self, jobs: Sequence[Job], world: World) -> Summary:
        """Run all jobs in this process. Ctrl-C ends after the part at hand, a second one at once."""
        from bench.running.job import run_job

        with graceful(self.progress) as stopped:
            tasks = self._tasks(jobs)
            ahead = self._ahead(jobs, tasks)
            for task in tasks:
                if stopped():
                    self.summary.interrupted = True
                    break
                task = self._open(task)
                if task.job.cells:
                    self.progress.doing(f"{ahead}: {task.job}", ahead.share)
                    started = time.perf_counter()
                    self._take(next(run_job(task.job, world, [task.number])))
                    ahead.took(task, time.perf_counter() - started)
        return self._closed(jobs)

    def run_on(self, executor: Executor, jobs: Sequence[Job], spec: WorldSpec, at_once: int) -> Summary:
        """Run all jobs on an executor, so many parts at once. Ctrl-C ends after the parts at hand."""
        from bench.running.remote import run_part

        with graceful(self.progress) as stopped:
            tasks = deque(self._tasks(jobs))
            ahead, pending = self._ahead(jobs, tasks), dict[Future[Part], Task]()
            self.progress.doing(str(ahead), 0.0)
            while pending or (tasks and not stopped()):
                while tasks and len(pending) < at_once and not stopped():
                    task = self._open(tasks.popleft())
                    if task.job.cells:
                        pending[_submitted(executor, run_part, spec, task)] = task
                done, _ = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
                for future in done:
                    task = pending.pop(future)
                    again = self._received(future, task)
                    tasks.extendleft(again)
                    if not again:
                        ahead.took(task, _seconds(future))
                    self.progress.doing(f"{ahead}: {task.job}", ahead.share)
            self.summary.interrupted = bool(tasks)
        return self._closed(jobs)

    def _received(self, future: Future[Part], task: Task) -> list[Task]:
        """Take what a task came to; what is to be tried again, where its process died."""
        try:
            part = future.result()
            asked = task.job.craft.id, task.number, {cell.id for cell in task.job.cells}
            if (part.craft, part.number, {item.cell.id for item in part.cells}) != asked:
                raise ValueError("the executor gave the result of another task")
            self._take(part)
        except UsageError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the executor's way is of telling that a worker died
            again = task.again()
            if not again:
                for cell in self._open(task).job.cells:
                    self._fail(cell, "crash", told(error), Run.unknown())
            return again
        return []

    def _ahead(self, jobs: Sequence[Job], tasks: Iterable[Task]) -> Ahead:
        return Ahead(len(jobs), [task for task in tasks if self._open(task).job.cells])

    # -- tasks --------------------------------------------------------------------------------------------------------

    def _tasks(self, jobs: Sequence[Job]) -> list[Task]:
        """What is to be done, without what stored parts tell; jobs that no source can craft are settled."""
        self._kept = self._stored(jobs, self.progress.say)
        tasks = []
        for job in jobs:
            attack = make_attack(job.craft.attack.name, job.craft.attack.parameters)
            source = job.craft.source
            if source is not None and not can_craft(attack, source):
                reason = f"{attack.name} needs a gradient; {no_gradient(source.family, source.notes)}"
                for cell in job.cells:
                    self._publish(cell, Result(status="unsupported", reason=reason), Run.unknown())
                continue
            count = parts(job.craft.slice.n)
            tasks += [Task(job, number) for number in range(count) if self.chosen(job, number)]
            for part in self._kept:
                if part.craft == job.craft.id:
                    self._join(part)
        return tasks

    def _stored(self, jobs: Iterable[Job], warn: Say) -> list[Part]:
        """Read the parts on the disk of these jobs' crafts, whoever made them; none for cells that are made again."""
        wanted = {cell.id: job.craft.id for job in jobs for cell in job.cells if cell.id not in self.known}
        crafts = set(wanted.values())
        found = [part for part in self.store.parts(warn) if part.craft in crafts] if crafts else []
        for part in found:
            self._pieces.add(part, wanted.keys() - self._settled)
        return found

    def _open(self, task: Task) -> Task:
        """The task for the cells that still lack its part."""
        cells = [
            cell
            for cell in task.job.cells
            if cell.id not in self._settled and not self._pieces.has(cell.id, task.number)
        ]
        return Task(Job(task.job.craft, tuple(cells)), task.number, task.attempt)

    # -- results ------------------------------------------------------------------------------------------------------

    def _take(self, part: Part) -> None:
        """Publish what a part came to, and the records of the cells that it makes whole."""
        self._pieces.add(part)
        for item in part.cells:
            if item.broken is None or item.cell.id in self._settled:
                continue
            if item.broken[0] == "unsupported" and item.broken[1].startswith("crafting"):
                self._publish(item.cell, Result(status="unsupported", reason=item.broken[1]), part.run)
            else:
                self._fail(item.cell, *item.broken, part.run)
        lasting = [item.cell.id for item in part.cells if item.broken is None and item.cell.id not in self.known]
        if not all(self._pieces.are_all(id, part.of) for id in lasting):
            self.store.publish_part(part)
            self._kept.append(part)
        self._join(part)

    def _join(self, part: Part) -> None:
        """Publish the cells of a part that are whole."""
        for item in part.cells:
            if item.cell.id in self._settled or not self._pieces.are_all(item.cell.id, part.of):
                continue
            whole, run = self._pieces.take(item.cell.id, part)
            try:
                result = joined(whole, part.classes)
                kept = assembled(whole, part.classes)
            except InvalidOutput as error:
                self._fail(item.cell, "invalid-output", str(error), run)
            except ValueError as error:  # such as probabilities beyond 1, or a part that somebody made up
                self._fail(item.cell, "invalid-output", told(error), run)
            else:
                self._publish(item.cell, result, run, kept)
        mine = [kept for kept in self._kept if kept.craft == part.craft]
        if mine and all(item.cell.id in self._settled for kept in mine for item in kept.cells):
            self.store.sweep(mine)
            self._kept = [kept for kept in self._kept if kept.craft != part.craft]

    def _closed(self, jobs: Iterable[Job]) -> Summary:
        """Look once more for what other runs have made meanwhile, and remove the parts that are done with."""
        others = self._stored(jobs, quiet)
        for part in others:
            self._join(part)
        mine = {cell.id for job in jobs for cell in job.cells} - self._settled - self.known.keys()
        lacking = [id for id in mine if not self.store.path(id).exists()]
        self.summary.waiting = sum(id in self._pieces or not self.store.has(id) for id in lacking)
        self.store.sweep([*self._kept, *others])
        return self.summary

    def _publish(self, cell: Cell, result: Result, run: Run, kept: bytes | None = None) -> None:
        self._settled.add(cell.id)
        record = Record(id=cell.id, cell=cell, result=result, run=told_of(run.of(cell), kept))
        if run.findings:
            self.summary.findings.setdefault(cell.target.name, set()).update(run.findings)
        present = self.known.get(cell.id)
        if present is None and self.store.publish(record, self.progress.say, kept=kept) != "new":
            present = self.store.record(cell.id)
            if present is not None and present.run.examples != record.run.examples:
                self.store.drop(record)
        if present is not None:
            self._compare(record, present)
            self._remember(record, present)
        self.summary.done += 1
        self.summary.unsupported += record.result.status == "unsupported"

    def _remember(self, record: Record, present: Record) -> None:
        """Keep what asking again found this time beside a result that is the same as the one there."""
        found = {*(record.run.findings or ()), *(present.run.findings or ())}
        if found.difference(present.run.findings or ()) and record.same_as(present):
            run = present.run.model_copy(update={"findings": tuple(sorted(found))})
            noted = present.model_copy(update={"run": run})
            if self.store.path(noted.id).exists():
                self.store.replace(noted.id, noted.json_text().encode("ascii"))
            else:  # a published one stays as it is; that of the out folder comes before it
                self.store.publish(noted, self.progress.say)

    def _compare(self, record: Record, present: Record) -> None:
        """Tell a result that is the same as the one there from near-ties and from a conflict."""
        if record.same_as(present):
            self.summary.same += 1
            return
        moved = record.differing_labels(present)
        handful = max(3, record.result.n // 1000)
        (self.summary.near_ties if moved <= handful else self.summary.conflicts).append((record.cell, moved))

    def _fail(self, cell: Cell, kind: str, message: str, run: Run) -> None:
        self._settled.add(cell.id)
        failure = Failure(id=cell.id, cell=cell, kind=kind, message=message, run=run.of(cell))
        self.store.publish_failure(failure)
        self.summary.failed.append(failure)


def _seconds(future: Future[Part]) -> float | None:
    """What a part took of its worker; None of one that failed."""
    if future.exception() is not None:
        return None
    part = future.result()
    return part.run.seconds * len(part.cells)


def _submitted(executor: Executor, call: Callable[..., Part], spec: WorldSpec, task: Task) -> Future[Part]:
    """A task on its way.

    Raises:
        UsageError: the executor takes none.
    """
    try:
        return executor.submit(call, spec, task.job, task.number)
    except Exception as error:
        raise UsageError(f"the executor takes no more work ({told(error)}); run the same again on another") from error
