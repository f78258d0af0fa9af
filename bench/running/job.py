"""Jobs: craft once, judge on every target, part by part. Pure: no files, no progress, no summary.

A failure becomes a broken cell, never a robust one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapters.base import Outputs
from adapters.errors import InvalidOutput, Unsupported
from bench.attacks.base import Attack
from bench.checks import sanity
from bench.checks.base import is_out_of_memory
from bench.draws import Draws
from bench.errors import UsageError
from bench.planning.plan import Job, attack_of, indices
from bench.records.cell import Cell
from bench.records.part import CellPart, Part
from bench.records.record import Costs
from bench.running.judge import Audit, InvalidCandidate, ask, audit
from bench.running.layout import batches, part_of, parts
from bench.running.metered import Metered
from bench.running.tally import Tally
from bench.running.world import Changed, World
from bench.threats import Threat


class _OutOfMemory(Exception):
    """A batch did not fit."""


def run_job(job: Job, world: World, numbers: Iterable[int] | None = None) -> Iterator[Part]:
    """What a job comes to, part by part.

    Args:
        job: a craft and the cells that judge it.
        world: where its data and models are.
        numbers: of the parts wanted; None for all.
    """
    for number in range(parts(job.craft.slice.n)) if numbers is None else numbers:
        yield _PartRun(job, number, world).part()


class _Counted(NamedTuple):
    """What one target said of one batch of candidates, not yet counted."""

    cell: Cell
    outputs: Outputs
    true: NDArray[np.int64]
    goals: NDArray[np.int64] | None
    measured: Audit


class _PartRun:
    """One part of a job under way: its tallies, and the cells that broke."""

    def __init__(self, job: Job, number: int, world: World) -> None:
        self.job, self.number, self.world = job, number, world
        self.started = time.perf_counter()
        self.attack: Attack = attack_of(job.craft)
        split = job.craft.slice.split
        self.chosen = indices(job.craft.slice, None if split is None else world.dataset.labels(split))
        self.taken = part_of(self.chosen, number)
        self.tallies = {cell.id: Tally(cell, len(self.taken)) for cell in job.cells}
        self.broken: dict[str, tuple[str, str]] = {}
        self.costs: dict[Threat, list[Costs]] = {}
        self.largest = 0

    def part(self) -> Part:
        """Run it."""
        flags = self._inspect() if self.attack.role == "clean" and self.number == 0 else {}
        for places in batches(self.job.craft, self.number, len(self.taken), self.world.most):
            self._whole(places)
        index = self.taken if self.job.craft.slice.partial else None
        run = self.world.how(self.started, len(self.job.cells), self.largest)
        cells = [
            CellPart(cell=cell, broken=self.broken[cell.id])
            if cell.id in self.broken
            else self.tallies[cell.id].part(index, self._cost(cell), run.seconds, flags.get(cell.id, ()))
            for cell in self.job.cells
        ]
        return Part(
            craft=self.job.craft.id,
            number=self.number,
            of=parts(len(self.chosen)),
            classes=len(self.world.dataset.classes),
            cells=tuple(cells),
            run=run,
        )

    def _cost(self, cell: Cell) -> Costs | None:
        """What the cell's candidates cost, by themselves: the same whatever other cells were made along with it."""
        if self.job.craft.source is None:
            return None
        found = self.costs.get(cell.threat, [])
        return Costs(**{name: sum(getattr(cost, name) for cost in found) for name in Costs.model_fields})

    def _whole(self, places: NDArray[np.int64]) -> None:
        """Judge a batch, in halves where memory does not hold it; nothing is counted before all of it went through."""
        if not self._alive():
            return
        if len(places) <= self.world.fits:
            try:
                counted, costs = self._judge(places)
            except _OutOfMemory:
                self.world.fits = max(1, len(places) // 2)
            else:
                self.largest = max(self.largest, len(places))
                for item in counted:
                    with self._guarded([item.cell], "judging", smallest=True):
                        self.tallies[item.cell.id].add(places, item.outputs, item.true, item.goals, item.measured)
                for threat, cost in costs.items():
                    self.costs.setdefault(threat, []).append(cost)
                return
        for half in np.array_split(places, 2):
            self._whole(half)

    def _judge(self, places: NDArray[np.int64]) -> tuple[list[_Counted], dict[Threat, Costs]]:
        """Craft one batch and ask all targets."""
        taken, smallest = self.taken[places], len(places) == 1
        x, true = self._examples(taken)
        y = torch.from_numpy(true).to(self.world.device)
        draws = Draws(self._key(), taken)
        source: Any = None
        goals: Tensor | None = None
        classes = len(self.world.dataset.classes)
        with self._guarded(self._alive(), "crafting", smallest):
            if self.job.craft.source is not None:
                source = Metered(self.world.model(self.job.craft.source))
                if not self.largest:  # what answers nonsense crafts nonsense
                    ask(source.inner, x[:2], classes)
            goals = self.attack.goals(source, x, y, draws)
        aimed = source.costs() if source is not None else None
        counted: list[_Counted] = []
        costs: dict[Threat, Costs] = {}
        for threats in self._crafts():
            made = self.attack.craft(source, x, y, goals, threats, draws)
            for threat in threats:
                candidates, measured = self._candidates(made, x, threat, smallest)
                if candidates is None:
                    break
                for cell in self._alive():
                    if cell.threat == threat:
                        with self._guarded([cell], "judging", smallest):
                            outputs = ask(self.world.model(cell.target), candidates, classes)
                            aims = None if goals is None else goals.cpu().numpy()
                            counted.append(_Counted(cell, outputs, true, aims, measured))
            if source is not None:
                spent = _added(aimed, source.costs())
                costs |= dict.fromkeys(threats, spent)
        return [item for item in counted if item.cell.id not in self.broken], costs

    def _crafts(self) -> list[list[Threat]]:
        """The budgets of each call of `craft`: those of one norm together where one pass serves them all."""
        threats = list(dict.fromkeys(cell.threat for cell in self._alive()))
        if not self.attack.serves_grid:
            return [[threat] for threat in threats]
        by_norm: dict[str | None, list[Threat]] = {}
        for threat in threats:
            by_norm.setdefault(threat.norm, []).append(threat)
        return list(by_norm.values())

    def _candidates(
        self, made: Iterator[Tensor], x: Tensor, threat: Threat, smallest: bool
    ) -> tuple[Tensor | None, Audit]:
        """The next batch that an attack proposes, checked; None where there is none, and its cells are broken."""
        candidates: Tensor | None = None
        measured = Audit(None, 0)
        before = x._version
        rest = [cell for cell in self._alive() if cell.threat.norm == threat.norm]
        with self._guarded(rest, "crafting", smallest):
            candidates = next(made, None)
            if x._version != before:  # else the audit would compare with what the attack left of x
                raise InvalidCandidate("the attack writes into the clean inputs")
            if candidates is None:
                raise InvalidCandidate("fewer batches of candidates than budgets")
        if candidates is not None:
            with self._guarded([cell for cell in rest if cell.threat == threat], "crafting", smallest):
                measured = audit(candidates, x, threat, generated=self.attack.generates)
        return candidates, measured

    def _inspect(self) -> dict[str, tuple[str, ...]]:
        """Sanity findings of every target, by cell."""
        flags: dict[str, tuple[str, ...]] = {}
        x, true = self._examples(self.chosen[: sanity.SAMPLE])
        y = torch.from_numpy(true).to(self.world.device)
        classes, clip = len(self.world.dataset.classes), self.world.dataset.bounds
        for cell in self._alive():
            size = len(x)
            while cell.id not in flags and cell.id not in self.broken:
                try:
                    with self._guarded([cell], "checking", smallest=size == 1):
                        target = self.world.model(cell.target)
                        ask(target, x[:size], classes)
                        flags[cell.id] = sanity.inspect(target, x[:size], y[:size], classes=classes, clip=clip)
                except _OutOfMemory:
                    size = max(1, size // 2)
        return flags

    def _examples(self, taken: NDArray[np.int64]) -> tuple[Tensor, NDArray[np.int64]]:
        """`(n, *input_shape)` inputs on the device and `(n,)` true classes; blanks where the attack generates."""
        dataset, split = self.world.dataset, self.job.craft.slice.split
        if split is None:
            blank = torch.zeros(len(taken), *dataset.input_shape, device=self.world.device)
            return blank, np.full(len(taken), -1, dtype=np.int64)
        return torch.from_numpy(dataset.examples(split, taken)).to(self.world.device), dataset.labels(split)[taken]

    def _key(self) -> tuple[Any, ...]:
        """What the random numbers of a craft depend on, besides the example."""
        craft = self.job.craft
        return (craft.seed, self.world.dataset.checksum, craft.attack.name, craft.attack.revision)

    def _alive(self) -> list[Cell]:
        return [cell for cell in self.job.cells if cell.id not in self.broken]

    @contextmanager
    def _guarded(self, cells: Sequence[Cell], stage: str, smallest: bool) -> Iterator[None]:
        """Turn any exception of somebody's model or attack into the failure of the cells that need it."""
        try:
            yield
        except UsageError:  # about our own files, not about the model
            raise
        except InvalidCandidate as error:
            self._break(cells, "invalid-candidate", str(error))
        except InvalidOutput as error:
            self._break(cells, "invalid-output", str(error))
        except Changed as error:
            self._break(cells, "changed", str(error))
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


def _added(first: Costs | None, second: Costs) -> Costs:
    if first is None:
        return second
    return Costs(**{name: getattr(first, name) + getattr(second, name) for name in Costs.model_fields})
