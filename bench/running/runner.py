"""Running jobs: craft once, judge on every target, publish. A failure becomes a failed cell, never a robust one."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapters.base import Adapter, Outputs
from adapters.errors import InvalidOutput, Unsupported
from bench.attacks.base import Attack
from bench.checks import sanity
from bench.checks.base import is_out_of_memory
from bench.datasets.base import Dataset
from bench.draws import Draws
from bench.errors import UsageError
from bench.planning.plan import Job, attack_of, can_craft, indices
from bench.progress import Progress
from bench.records.record import Cell, Failure, Record, Result, Run
from bench.records.store import Store
from bench.running.judge import Audit, InvalidCandidate, Tally, ask, audit
from bench.threats import Threat

BATCHES = {"cpu": 500, "cuda": 10_000}
"""Examples in a batch: enough to keep the device busy, few enough to keep memory flat."""


class _OutOfMemory(Exception):
    """A batch did not fit."""


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
    interrupted: bool = False


class Runner:
    """Runs jobs on one device and publishes their cells into one store."""

    def __init__(
        self,
        dataset: Dataset,
        adapter: Callable[[str], Adapter],
        store: Store,
        progress: Progress,
        device: str,
        batch: int | None = None,
        known: Mapping[str, Record] | None = None,
    ) -> None:
        """
        Args:
            dataset: the suite's.
            adapter: gives the model of a name, on the device.
            store: where records go.
            progress: who is told.
            device: `cpu` or `cuda`.
            batch: examples in a batch; None for the device's usual number.
            known: records, by id, to compare with in place of publishing.
        """
        self.dataset = dataset
        self.adapter = adapter
        self.store = store
        self.progress = progress
        self.device = device
        self.batch = batch or BATCHES[device]
        self.known = known or {}
        self.summary = Summary()
        if device == "cuda":  # rounding products to 10 bits would move labels that a CPU does not
            torch.backends.cudnn.allow_tf32 = False

    def run(self, jobs: Sequence[Job]) -> Summary:
        """Run all jobs. Ctrl-C ends after the job at hand, a second one at once."""
        with _graceful(self.progress) as stopped:
            for number, job in enumerate(jobs):
                if stopped():
                    self.summary.interrupted = True
                    break
                self._run(job, number, len(jobs))
        return self.summary

    # -- one job ------------------------------------------------------------------------------------------------------

    def _run(self, job: Job, number: int, total: int) -> None:
        started = time.perf_counter()
        attack = attack_of(job.craft)
        source = job.craft.source
        if source is not None and not can_craft(attack, source):
            reason = f"{attack.name} needs a gradient, which a {source.family} model does not have"
            self._publish(job, {cell.id: Result(status="unsupported", reason=reason) for cell in job.cells}, started)
            return
        part = job.craft.slice
        labels = None if part.split is None else self.dataset.labels(part.split)
        chosen = indices(part, labels)
        work = _Work(job, attack)
        flags: dict[str, tuple[str, ...]] = {}
        if attack.name == "clean":
            flags = self._inspect(work, chosen)
        batch, start = self.batch, 0
        while start < len(chosen) and work.alive():
            taken = chosen[start : start + batch]
            share = (number + start / len(chosen)) / total

            def doing(text: str, share: float = share) -> None:
                self.progress.doing(text, share)

            try:
                counted = self._judge(work, taken, batch == 1, doing)
            except _OutOfMemory:
                batch = max(1, batch // 2)
                continue
            for item in counted:
                work.tallies[item.cell.id].add(item.outputs, item.true, item.goals, item.measured)
            start += len(taken)
        results: dict[str, Result] = {}
        for cell in work.alive():
            results[cell.id] = work.tallies[cell.id].result(
                chosen if part.partial else None, len(self.dataset.classes), flags.get(cell.id, ())
            )
        self._publish(job, results, started)
        for cell in job.cells:
            if cell.id in work.broken:
                self._fail(cell, *work.broken[cell.id], started)

    def _judge(
        self, work: _Work, taken: NDArray[np.int64], smallest: bool, doing: Callable[[str], None]
    ) -> list[_Counted]:
        """Craft one batch and ask all targets; nothing is counted before all of it went through."""
        job, counted = work.job, list[_Counted]()
        x, true = self._examples(job, taken)
        y = torch.from_numpy(true).to(self.device)
        draws = Draws(self._key(job), taken)
        source: Any = None
        goals: Tensor | None = None
        doing(str(job))
        with work.guarded(work.alive(), "crafting", smallest):
            if job.craft.source is not None:
                source = self.adapter(job.craft.source.name)
                ask(source, x[:2], len(self.dataset.classes))  # what answers nonsense crafts nonsense
            goals = work.attack.goals(source, x, y, draws)
        goal_array = None if goals is None else goals.cpu().numpy()
        untouched = x._version
        for threats in _by_norm(work.alive()):
            candidates_of = work.attack.craft(source, x, y, goals, list(threats), draws)
            for threat, cells in threats.items():
                candidates: Tensor | None = None
                measured = Audit(None, 0)
                rest = [cell for cell in work.alive() if cell.threat.norm == threat.norm]
                with work.guarded(rest, "crafting", smallest):
                    candidates = next(candidates_of, None)
                    if x._version != untouched:  # else the audit would compare with what the attack left of x
                        raise InvalidCandidate("the attack writes into the clean inputs")
                    if candidates is None:
                        raise InvalidCandidate("fewer batches of candidates than budgets")
                if candidates is None:
                    break
                with work.guarded(cells, "crafting", smallest):
                    measured = audit(candidates, x, threat, generated=work.attack.generates)
                for cell in cells:
                    if cell.id in work.broken:
                        continue
                    doing(f"judging {cell}")
                    with work.guarded([cell], "judging", smallest):
                        target = self.adapter(cell.target.name)
                        outputs = ask(target, candidates, len(self.dataset.classes))
                        counted.append(_Counted(cell, outputs, true, goal_array, measured))
        return [item for item in counted if item.cell.id not in work.broken]

    def _inspect(self, work: _Work, chosen: NDArray[np.int64]) -> dict[str, tuple[str, ...]]:
        """Sanity findings of every target of a clean job, by cell."""
        flags: dict[str, tuple[str, ...]] = {}
        x, true = self._examples(work.job, chosen[: sanity.SAMPLE])
        y = torch.from_numpy(true).to(self.device)
        classes, clip = len(self.dataset.classes), self.dataset.bounds
        for cell in work.alive():
            self.progress.doing(f"checking {cell.target.name}", 0.0)
            size = len(x)
            while cell.id not in flags and cell.id not in work.broken:
                try:
                    with work.guarded([cell], "checking", smallest=size == 1):
                        target = self.adapter(cell.target.name)
                        ask(target, x[:size], classes)
                        flags[cell.id] = sanity.inspect(target, x[:size], y[:size], classes=classes, clip=clip)
                except _OutOfMemory:
                    size = max(1, size // 2)
        return flags

    def _examples(self, job: Job, taken: NDArray[np.int64]) -> tuple[Tensor, NDArray[np.int64]]:
        """`(n, *input_shape)` inputs on the device and `(n,)` true classes; blanks where the attack generates."""
        split = job.craft.slice.split
        if split is None:
            blank = torch.zeros(len(taken), *self.dataset.input_shape, device=self.device)
            return blank, np.full(len(taken), -1, dtype=np.int64)
        x = torch.from_numpy(self.dataset.examples(split, taken)).to(self.device)
        return x, self.dataset.labels(split)[taken]

    def _key(self, job: Job) -> tuple[Any, ...]:
        """What the random numbers of a craft depend on, besides the example."""
        return (job.craft.seed, self.dataset.checksum, job.craft.attack.name, job.craft.attack.revision)

    # -- publishing ---------------------------------------------------------------------------------------------------

    def _publish(self, job: Job, results: dict[str, Result], started: float) -> None:
        run = self._how(started, max(len(results), 1))
        for cell in job.cells:
            if cell.id not in results:
                continue
            record = Record(id=cell.id, cell=cell, result=results[cell.id], run=run)
            present = self.known.get(cell.id)
            if present is None and self.store.publish(record, self.progress.say) != "new":
                present = self.store.record(cell.id)
            if present is not None:
                self._compare(record, present)
            self.summary.done += 1
            self.summary.unsupported += record.result.status == "unsupported"

    def _compare(self, record: Record, present: Record) -> None:
        """Tell a result that is the same as the one there from near-ties and from a conflict."""
        if record.same_as(present):
            self.summary.same += 1
            return
        moved = record.differing_labels(present)
        handful = max(3, record.result.n // 1000)
        (self.summary.near_ties if moved <= handful else self.summary.conflicts).append((record.cell, moved))

    def _fail(self, cell: Cell, kind: str, message: str, started: float) -> None:
        failure = Failure(id=cell.id, cell=cell, kind=kind, message=message, run=self._how(started, 1))
        self.store.publish_failure(failure)
        self.summary.failed.append(failure)

    def _how(self, started: float, cells: int) -> Run:
        return Run(
            finished=datetime.now(UTC).isoformat(timespec="milliseconds"),
            seconds=round((time.perf_counter() - started) / cells, 3),
            device=_device_name(self.device),
            threads=torch.get_num_threads(),
            batch=self.batch,
            host=platform.node(),
            versions=_versions(),
        )


class _Counted(NamedTuple):
    """What one target said of one batch of candidates, not yet counted."""

    cell: Cell
    outputs: Outputs
    true: NDArray[np.int64]
    goals: NDArray[np.int64] | None
    measured: Audit


class _Work:
    """A job under way: its tallies, and the cells that broke."""

    def __init__(self, job: Job, attack: Attack) -> None:
        self.job = job
        self.attack = attack
        self.tallies = {cell.id: Tally(cell) for cell in job.cells}
        self.broken: dict[str, tuple[str, str]] = {}

    def alive(self) -> list[Cell]:
        return [cell for cell in self.job.cells if cell.id not in self.broken]

    @contextlib.contextmanager
    def guarded(self, cells: Sequence[Cell], stage: str, smallest: bool) -> Iterator[None]:
        """Turn any exception of somebody's model or attack into the failure of the cells that need it."""
        try:
            yield
        except UsageError:  # about our own files, not about the model
            raise
        except InvalidCandidate as error:
            self._break(cells, "invalid-candidate", str(error))
        except InvalidOutput as error:
            self._break(cells, "invalid-output", str(error))
        except Unsupported as error:
            self._break(cells, "unsupported", f"{stage}: {error}")
        except Exception as error:
            if not is_out_of_memory(error):
                first = (str(error).splitlines() or [""])[0][:300]
                self._break(cells, "exception", f"{stage}: {type(error).__name__}: {first}")
            elif smallest:
                self._break(cells, "oom", f"{stage}: out of memory with a single example")
            else:
                raise _OutOfMemory from error

    def _break(self, cells: Sequence[Cell], kind: str, message: str) -> None:
        for cell in cells:
            self.broken.setdefault(cell.id, (kind, message))


def _by_norm(cells: Sequence[Cell]) -> list[dict[Threat, list[Cell]]]:
    """Cells by threat, one group a norm: a craft serves budgets of one norm at a time."""
    groups: dict[str | None, dict[Threat, list[Cell]]] = {}
    for cell in cells:
        groups.setdefault(cell.threat.norm, {}).setdefault(cell.threat, []).append(cell)
    return list(groups.values())


@contextlib.contextmanager
def _graceful(progress: Progress) -> Iterator[Callable[[], bool]]:
    """Within, the first Ctrl-C only asks to stop after the job at hand; the second one interrupts."""
    asked = False

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        progress.say("finishing the records at hand; press Ctrl-C again to stop at once")

    try:
        before = signal.signal(signal.SIGINT, ask_to_stop)
    except ValueError:  # not in the main thread, where signals cannot be had
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


@cache
def _versions() -> dict[str, str]:
    libraries = {name: version(name) for name in ("numpy", "scikit-learn", "torch", "potemkin-bench")}
    return {"python": platform.python_version(), **libraries}


def _device_name(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{platform.machine()} cpu, {os.cpu_count()} cores"
