"""One call of a suite, from its name to its board. Loads torch only where a model has to be loaded or a cell run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import zoo
from bench.board.rows import Row
from bench.choices import Rerun
from bench.errors import LostModels, UsageError, unknown
from bench.planning.plan import Job, Planned, expand, jobs
from bench.planning.suite import Suite, as_text
from bench.progress import SILENT, Progress, quiet
from bench.records import ran
from bench.records.asked import note
from bench.records.record import Failure, ModelInfo
from bench.running.absent import noting_starts, rows_of
from bench.running.asked_suite import is_own, suite_here
from bench.running.estimate import Estimate, speed
from bench.running.execution import Execution
from bench.running.isolation.limits import Limits
from bench.running.isolation.models import Isolated
from bench.running.keeping import announced
from bench.running.reuse import changed
from bench.running.roster import Models, blindness, chosen, given
from bench.running.shelf import Shelf, board_of, dataset_of

if TYPE_CHECKING:
    from bench.running.isolation.channel import ProcessChannel
    from bench.running.runner import Summary


class Session:
    """A suite with the models asked for, planned against the records that there are."""

    def __init__(
        self,
        spec: str | Suite,
        *,
        progress: Progress,
        shelf: Shelf,
        model_specs: Sequence[str] = (),
        objects: Mapping[str, Any] | None = None,
        limit: int | None = None,
        device: str = "auto",
        budget: zoo.Budget = "full",
        data: Path | None = None,
        load: bool = True,
        execution: Execution | None = None,
        limits: Limits | None = None,
        isolate: bool = False,
    ) -> None:
        """
        Args:
            spec: name of a suite, also of one that was run into the shelf; a YAML file; or a suite.
            progress: told what is being done.
            shelf: where records are read and written.
            model_specs: as `--model` takes them.
            objects: models by name.
            limit: number of examples of a short look.
            device: `auto`, `cpu` or `cuda`.
            budget: with `quick`, reference models that are not made yet are made by their quick recipes.
            data: the option `path` of the suite's dataset, such as a folder in place of a download.
            load: whether reference models may be loaded or refitted to learn their fingerprints, and the out folder
                be written; without, those unknown are left out of the plan and listed in `unknown_models`. What was
                given is made all the same: nothing else tells what it is.
            execution: where the parts of jobs run, and which; None for all of them in this process.
            limits: of the processes that models of files and packages have of their own; None to run them in this one.
            isolate: whether objects have such processes, too.

        Raises:
            UsageError: bad input, with a line that says what to do.
            LostModels: none of the models asked for did start.
        """
        self.suite = suite_here(spec, data, shelf)
        self.progress = progress
        self.shelf = shelf
        self.limit = limit
        self.execution = execution or Execution()
        self._objects = dict(objects or {})
        if isinstance(spec, str) and is_own(spec):
            progress.say(f"suite {spec}: its text as it was run last, kept in {shelf.out}; a changed one by its file")
        self.dataset = dataset_of(self.suite)
        self._check_references()
        isolated = None if limits is None else Isolated(limits, progress.say)
        self.models = Models(self.dataset, device, progress, budget=budget, isolated=isolated)
        with ExitStack() as undone:
            undone.callback(self.close)  # where something is wrong with the call, no process of it is left
            lost, offered = self.models.lost, self.models.offered
            with noting_starts(self.shelf.own if load else None, self.dataset.checksum, lost, offered):
                self._choose(list(model_specs), isolate, load)
            undone.pop_all()

    def _choose(self, specs: list[str], isolate: bool, load: bool) -> None:
        """Find out which models there are, and what the plan needs to know of them."""
        self.models.warm(specs)
        named, guests = chosen(specs, self.models, self.suite.models)
        guests += given(self.models, self._objects, isolate=isolate, inline=self.execution.executor is not None)
        self.unknown_models: list[str] = []
        self._by_version: set[str] = set()
        # What can be wrong with the call is found out before the reference models are made, which may take minutes.
        if load:
            self.shelf.own.prepare(self.progress.say)
        self._guests = self._infos(guests, load)
        guests = [name for name in guests if name not in self.models.lost]
        if self.models.lost and not (named or guests):
            raise LostModels("; ".join(map(str, self.models.lost.values())))
        self.only = [*named, *guests] or None
        self._references = self._infos(self._needed(named), load)
        if not (self._guests or self._references or self.unknown_models):
            raise UsageError(f"suite {self.suite.suite} has no models of its own; give some with --model")
        self._tell_apart()
        if load:
            note(self.shelf.own, self.dataset.checksum, self.asked.values())
            if self.suite.board != "paper":  # which bench paper shows
                suite, named = self.suite, [name for name in self.only or () if name not in self.suite.models]
                ran.note(self.shelf.own, suite.suite, suite.version, as_text(suite), self.dataset.checksum, named)

    def _check_references(self) -> None:
        known = zoo.names(self.dataset.name)
        for name in self.suite.models:
            if name not in known:
                raise unknown(f"model of suite {self.suite.suite}", name, known)

    @property
    def own(self) -> list[str]:
        """Names of the user's own models among those asked for: neither the suite's nor made by a recipe of ours."""
        return [name for name in self._guests if name not in zoo.names(self.dataset.name)]

    def _needed(self, named: Sequence[str]) -> list[str]:
        """The reference models that the plan has to know: those asked for and those that they meet in transfer."""
        if self.only is None:
            return self.suite.models
        met, guests = set(named), set(self.only) - set(named)
        for entry in self.suite.attacks:
            if entry.sources == "self":
                continue
            sources = set(entry.sources) if entry.sources != "all" else {*self.suite.models, *guests}
            targets = {*(entry.models or self.suite.models), *guests}
            if not sources.isdisjoint(self.only):
                met |= targets
            if not targets.isdisjoint(self.only):
                met |= sources
        return [name for name in self.suite.models if name in met]

    def _tell_apart(self) -> None:
        """Two names for one model would share records, of which a board shows each once."""
        names: dict[str, str] = {}
        for name, info in {**self._references, **self._guests}.items():
            if info.fingerprint in names:
                raise UsageError(f"models {names[info.fingerprint]!r} and {name!r} are one and the same; leave one out")
            names[info.fingerprint] = name

    def _infos(self, wanted: Sequence[str], load: bool) -> dict[str, ModelInfo]:
        infos = {}
        for name in wanted:
            if not load and not self.models.is_ready(name) and not self.models.is_guest(name):
                self.unknown_models.append(name)
                continue
            with self.models.losing(name, alone=len(wanted) == 1):
                infos[name] = self.models.info(name)
                if self.models.is_guest(name) and self.models.adapter(name).unseen:
                    self._by_version.add(name)
                if infos[name].notes and (line := blindness(name, self.models.adapter(name))):
                    self.progress.say(line)
        return infos

    def close(self) -> None:
        """End the processes that models have of their own."""
        self.models.close()

    @property
    def is_short(self) -> bool:
        """Whether it looks at some of the examples alone."""
        return self.limit is not None and self.limit < self.examples

    @property
    def examples(self) -> int:
        """How many there are of them."""
        return self.dataset.sizes[self.suite.dataset.split]

    @cached_property
    def planned(self) -> list[Planned]:
        """All cells asked for."""
        return expand(self.suite, self.dataset, self._references, self._guests, limit=self.limit, only=self.only)

    def missing(self, rerun: Rerun | None = None) -> list[Planned]:
        """The planned cells still to be run: those without a record or, unless `rerun` says so, a failure."""
        if rerun == "all":
            if self.execution.shard is not None:
                raise UsageError("--rerun all compares whole cells, of which a shard has parts: leave out --shard")
            return self.planned
        records = self.shelf.records(self.progress.say)
        for line in changed(self.planned, records, self.models.files(), self._by_version):
            self.progress.say(line)
        have = set(records)
        if rerun != "failed":
            have |= set(self.shelf.failures(quiet))
        return [item for item in self.planned if item.cell.id not in have]

    def estimate(self) -> Estimate:
        """What the jobs of a plan will ask and take; guests are shown a few examples for it."""
        guests = [name for name in self._guests if self.models.is_guest(name)]
        speeds = {name: speed(self.models.adapter(name), self.dataset) for name in guests}
        return Estimate.of(self.dataset, self.shelf.records(quiet).values(), speeds)

    def failures(self) -> list[Failure]:
        """Failures among the planned cells."""
        kept = self.shelf.failures(quiet)
        done = self.shelf.records(quiet)
        ids = [item.cell.id for item in self.planned]
        return [kept[id] for id in ids if id in kept and id not in done]

    def run(self, missing: Sequence[Planned]) -> Summary:
        """Run cells and publish them; those that have a record already are compared with it."""
        from bench.running.runner import Runner

        work, keep = jobs(item.cell for item in missing), self.execution.keep
        known = self.shelf.records(quiet)
        asked = {item.cell.id for item in missing}
        new = [job for job in work if not all(cell.id in known for cell in job.cells)]
        line = announced(new, self.dataset, keep, str(self.shelf.out / "results" / "examples"))
        if line and self.progress is not SILENT:
            self.progress.say(line)
        runner = Runner(
            self.shelf.own,
            self.progress,
            known={id: record for id, record in known.items() if id in asked},
            chosen=self.execution.chosen(jobs(item.cell for item in self.planned)),
        )
        afresh = self._afresh(new) if keep else {}
        summary = self.execution.run(runner, work, self.suite.dataset, self.models, self._objects)
        if not summary.interrupted:
            self._ask_afresh(afresh, asked, summary)
        return summary

    def _afresh(self, work: Sequence[Job]) -> dict[str, tuple[str, ProcessChannel]]:
        """Processes for the user's models whose code meets true classes; these are made while the run goes on."""
        from adapters.inside import is_handed_classes
        from bench.running.isolation.channel import Place

        isolated = self.models.isolated
        crafted = {cell.target.name for job in work for cell in job.cells}
        place = (self.dataset.input_shape, self.dataset.classes, self.dataset.name, self.models.resolved_device)
        return {
            name: (self.models.adapter(name).fingerprint_of_the_seen, isolated.another(name, Place(*place)))
            for name in (self.own if isolated is not None else ())
            if isolated is not None and name in isolated.origins and name in crafted
            if self._guests[name].gradient != "none" and not self.models.adapter(name).stochastic
            if is_handed_classes(self.models.adapter(name))
        }

    def _ask_afresh(
        self, channels: Mapping[str, tuple[str, ProcessChannel]], cells: Collection[str], summary: Summary
    ) -> None:
        """Ask processes that were told no class about what was kept of these cells."""
        from adapters.errors import AdapterError, Ended, told
        from adapters.remote import Remote
        from bench.checks.again import REPEAT
        from bench.running.afresh import differs, kept_of, put_down

        records = self.shelf.own.records(quiet) if channels else {}
        for name, (seen, channel) in channels.items():
            mine = [records[id] for id in cells if id in records and records[id].cell.target == self._guests[name]]
            kept = kept_of(self.shelf.own, mine)
            if not kept:
                continue
            self.progress.doing(f"asking {name} afresh", 1.0)
            try:
                fresh = Remote(channel).to(self.models.resolved_device)
                if fresh.fingerprint_of_the_seen != seen:
                    self.progress.say(f"model {name} is another one each time that it is made: it was not asked afresh")
                    continue
                id = differs(fresh, kept, len(self.dataset.classes))
            except (AdapterError, UsageError, Ended) as error:
                self.progress.say(f"model {name} could not be asked afresh: {told(error)}")
                continue
            if id is not None:
                put_down(self.shelf.own, records[id])
                summary.findings.setdefault(name, set()).add(REPEAT)

    @property
    def asked(self) -> dict[str, ModelInfo]:
        """The models that are asked for, by name: all but those that they are only to meet."""
        models = {**self._references, **self._guests}
        return models if self.only is None else {name: model for name, model in models.items() if name in self.only}

    def board(self) -> list[Row]:
        """The suite's rows, from all records."""
        shown = board_of(
            self.suite, self.dataset, self.shelf, current=self.asked, met=self._references, keep=self.only or ()
        )
        lost = self.models.lost
        started = [row for row in shown if row.model not in lost]
        return started + rows_of(self.suite, self.dataset, list(lost.values()), self.limit)
