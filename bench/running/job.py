"""Jobs: craft once, judge on every target, part by part. Pure: no files, no progress, no summary.

A failure becomes a broken cell, never a robust one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from adapters.errors import Ended, InvalidOutput, Unsupported, told
from adapters.memory import is_out_of_memory
from bench.attacks.base import Attack, Certified
from bench.checks import sanity
from bench.draws import Draws
from bench.errors import UsageError
from bench.planning.plan import Job, attack_of
from bench.records.cell import Cell
from bench.records.part import CellPart, Part
from bench.records.record import Costs
from bench.records.sampling import indices
from bench.running.blind import Blind, is_due
from bench.running.judge import Audit, InvalidCandidate, ask, audit, proved, united
from bench.running.keeping import Keeper
from bench.running.layout import batches, part_of, parts
from bench.running.metered import Metered
from bench.running.tally import Tally
from bench.running.world import Changed, World
from bench.threats import Threat

Proposed = Tensor | Certified
"""What an attack yields."""


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
        self.costs: dict[Threat, Costs] = {}
        """What the candidates of each cost by themselves: the same whatever others are crafted along with them."""
        self.again: dict[str, Blind] = {}
        """What asking each cell's target again came to."""
        self.keeper = Keeper(job.craft, number, world, self.taken)

    def part(self) -> Part:
        """Run it: again with smaller batches, where memory does not hold those that candidates are crafted in."""
        flags = self._inspect() if self.attack.role == "clean" and self.number == 0 else {}
        while True:
            try:
                self._run()
                break
            except _OutOfMemory:
                source = self.job.craft.source
                self.world.lower(source, self.world.fits(source) // 2)
                self.costs.clear()
        index = self.taken if self.job.craft.slice.partial else None
        largest = max(self.world.fits(cell.target) for cell in self.job.cells)
        run = self.world.how(self.started, self.job.cells, min(largest, len(self.taken)))
        cells = [
            CellPart(cell=cell, broken=self.broken[cell.id])
            if cell.id in self.broken
            else self._told(cell, index, run.seconds, flags.get(cell.id, ()))
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

    def _told(self, cell: Cell, index: NDArray[np.int64] | None, seconds: float, flags: tuple[str, ...]) -> CellPart:
        """What is known of a cell over this part."""
        part = self.tallies[cell.id].part(index, self.costs.get(cell.threat), seconds, flags)
        update = self.keeper.told(cell)
        if (again := self.again.get(cell.id)) is not None:
            update |= {"asked_again": again.asked, "findings": tuple(sorted(again.findings))}
        return part.model_copy(update=update)

    def _run(self) -> None:
        """Craft in the slice's order, batch by batch; ask every target in the order and the batches of the layout."""
        x, true = self._examples(self.taken)
        y = torch.from_numpy(true).to(self.world.device)
        size = self.world.fits(self.job.craft.source)
        cuts = [slice(start, start + size) for start in range(0, len(x), size)]
        inputs = [(x[cut], y[cut], Draws(self._key(), self.taken[cut], self.world.training)) for cut in cuts]
        clean, smallest = [given for given, _, _ in inputs], size == 1
        source: Any = None
        goals: list[Tensor | None] = [None] * len(cuts)
        with self._guarded(self._alive(), "crafting", smallest):
            if self.job.craft.source is not None:
                source = Metered(self.world.model(self.job.craft.source))
                ask(source.inner, x[:2], len(self.world.dataset.classes))  # what answers nonsense crafts nonsense
            goals = [self.attack.goals(source, *given) for given in inputs]
        aims = None if goals[0] is None else torch.cat([goal for goal in goals if goal is not None]).cpu().numpy()
        shown = batches(self.job.craft, self.number, len(x))
        aimed = source.costs() if source is not None else None
        for threats in self._crafts():
            made = [
                self.attack.craft(source, given, labels, goal, threats, draws)
                for (given, labels, draws), goal in zip(inputs, goals, strict=True)
            ]
            for threat in threats:
                proposed = self._proposed(made, clean, threats, smallest)
                if proposed is None:
                    break
                audited = self._audited(proposed, clean, threat, smallest)
                if audited is None:
                    continue
                candidates, measured = audited
                for cell in [cell for cell in self._alive() if cell.threat == threat]:
                    self.tallies[cell.id].begin(true, aims, measured)
                    self._judge(cell, candidates, true, shown)
                    if cell.id not in self.broken:
                        self.keeper.keep(self.tallies[cell.id], candidates, x)
            if source is not None:
                self.costs |= dict.fromkeys(threats, _added(aimed, source.costs()))

    def _judge(
        self, cell: Cell, candidates: Tensor, true: NDArray[np.int64], shown: Sequence[NDArray[np.int64]]
    ) -> None:
        """Ask a target for all candidates, and for some of them again, before and after."""
        again: Blind | None = None
        with self._guarded([cell], "judging", smallest=True):
            target = self.world.model(cell.target)
            if not target.stochastic and is_due(parts(len(self.chosen))):
                memory = self.world.memory(cell.target)
                again = self.again[cell.id] = Blind(target, candidates, len(self.world.dataset.classes), memory)
                again.before(min(self.world.fits(cell.target), len(shown[0])))
        asked = [piece for places in shown for piece in self._ask(cell, candidates, places)]
        if again is not None and cell.id not in self.broken:
            with self._guarded([cell], "judging", smallest=True):
                again.after(self.tallies[cell.id].labels, true, asked)

    def _ask(self, cell: Cell, candidates: Tensor, places: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Ask a target for some candidates, in halves where memory does not hold them; the places as asked."""
        if cell.id in self.broken:
            return []
        if len(places) <= self.world.fits(cell.target):
            try:
                with self._guarded([cell], "judging", smallest=len(places) == 1):
                    target = self.world.model(cell.target)
                    batch = candidates.index_select(0, torch.from_numpy(places).to(candidates.device))
                    self.tallies[cell.id].add(places, ask(target, batch, len(self.world.dataset.classes)))
                return [places]
            except _OutOfMemory:
                self.world.lower(cell.target, len(places) // 2)
        return [piece for half in np.array_split(places, 2) for piece in self._ask(cell, candidates, half)]

    def _crafts(self) -> list[list[Threat]]:
        """The budgets of each call of `craft`: those of one norm together where one pass serves them all."""
        threats = list(dict.fromkeys(cell.threat for cell in self._alive()))
        if not self.attack.serves_grid:
            return [[threat] for threat in threats]
        by_norm: dict[str | None, list[Threat]] = {}
        for threat in threats:
            by_norm.setdefault(threat.norm, []).append(threat)
        return list(by_norm.values())

    def _proposed(
        self, made: Sequence[Iterator[Proposed]], clean: Sequence[Tensor], threats: Sequence[Threat], smallest: bool
    ) -> list[Proposed] | None:
        """What an attack proposes next, batch by batch; None where it fails, for all budgets of the call."""
        with self._guarded([cell for cell in self._alive() if cell.threat in threats], "crafting", smallest):
            found: list[Proposed] = []
            before = clean[0]._version
            for batch in made:
                candidates = next(batch, None)
                if clean[0]._version != before:  # else the audit would compare with what the attack left of x
                    raise InvalidCandidate("the attack writes into the clean inputs")
                if candidates is None:
                    raise InvalidCandidate("fewer batches of candidates than budgets")
                found.append(candidates)
            return found
        return None

    def _audited(
        self, proposed: Sequence[Proposed], clean: Sequence[Tensor], threat: Threat, smallest: bool
    ) -> tuple[Tensor, Audit] | None:
        """All candidates, and what the judge measured on them; None where they are not within the threat."""
        with self._guarded([cell for cell in self._alive() if cell.threat == threat], "crafting", smallest):
            candidates, measured = [], []
            for one, x in zip(proposed, clean, strict=True):
                candidates.append(one.candidates if isinstance(one, Certified) else one)
                measured.append(audit(candidates[-1], x, threat, generated=self.attack.generates))
                if isinstance(one, Certified):
                    measured[-1] = proved(measured[-1], one, x)
            return torch.cat(candidates), united(measured)
        return None

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
        except Ended as error:
            self._break(cells, error.kind, f"{stage}: {error}")
        except Unsupported as error:
            self._break(cells, "unsupported", f"{stage}: {error}")
        except (Exception, SystemExit) as error:  # a script may well end in sys.exit()
            if isinstance(error, SystemExit) or not is_out_of_memory(error):
                self._break(cells, "exception", f"{stage}: {told(error)}")
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
