"""The parts of jobs to be run, how often each is tried, and how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.planning.plan import Job
from bench.records.cell import Cell
from bench.running.costs import cost

ATTEMPTS = 3
"""Of a part whose process died: the last is made target by target, so that one model takes down no other."""


@dataclass(frozen=True)
class Task:
    """One part of a job, for those of its cells that lack it."""

    job: Job
    number: int
    attempt: int = 1

    def again(self) -> list[Task]:
        """The same once more: whole first, then target by target; nothing after the last attempt."""
        if self.attempt >= ATTEMPTS:
            return []
        if self.attempt + 1 < ATTEMPTS:
            return [Task(self.job, self.number, self.attempt + 1)]
        by_target: dict[str, list[Cell]] = {}
        for cell in self.job.cells:
            by_target.setdefault(cell.target.name, []).append(cell)
        return [Task(Job(self.job.craft, tuple(cells)), self.number, ATTEMPTS) for cells in by_target.values()]


class Ahead:
    """How many jobs are done and left, and which share of the work is done, by what the parts so far have taken.

    What parts cost is known roughly; that of one attack on one kind of model takes about as long as the next.
    """

    def __init__(self, jobs: int, tasks: Sequence[Task]) -> None:
        """`tasks` are the parts of so many jobs that are still to be run; jobs without any are done."""
        self._jobs = jobs
        self._left = {_key(task): task for task in tasks}
        self._price = {key: cost(task.job, task.number) for key, task in self._left.items()}
        self._done: list[Task] = []
        self._taken: dict[tuple[str, str], tuple[float, float]] = {}
        """Seconds, and what they had been estimated to be, by attack and kind of model."""

    def took(self, task: Task, seconds: float | None) -> None:
        """A part is done, in so many seconds of one worker; None of one that failed, which tells nothing."""
        if self._left.pop(_key(task), None) is None:
            return
        self._done.append(task)
        if seconds is not None:
            before = self._taken.get(_kind(task), (0.0, 0.0))
            self._taken[_kind(task)] = before[0] + seconds, before[1] + self._price[_key(task)]

    @property
    def share(self) -> float:
        """Of the work, 0 to 1: half by what parts take, half by their number.

        Of kinds that were not met yet little is known.
        """
        if not self._left:
            return 1.0
        done, left = (sum(map(self._estimate, tasks)) for tasks in (self._done, self._left.values()))
        return (done / (done + left) + len(self._done) / (len(self._done) + len(self._left))) / 2

    def __str__(self) -> str:
        """Such as `12 of 40 jobs done, 28 left`."""
        left = len({task.job.craft.id for task in self._left.values()})
        return f"{self._jobs - left} of {self._jobs} jobs done, {left} left"

    def _estimate(self, task: Task) -> float:
        seconds, expected = self._taken.get(_kind(task)) or map(
            sum, zip((0.0, 0.0), *self._taken.values(), strict=True)
        )
        return self._price[_key(task)] * (seconds / expected if expected > 0 else 1.0)


def _key(task: Task) -> tuple[str, int]:
    return task.job.craft.id, task.number


def _kind(task: Task) -> tuple[str, str]:
    """What takes about as long."""
    craft = task.job.craft
    return craft.attack.name, craft.source.family if craft.source else task.job.cells[0].target.family
