"""The plan: a suite expanded into cells, and cells grouped into jobs. Pure; loads no torch and no model."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.attacks import make_attack
from bench.attacks.base import Attack
from bench.datasets.base import Dataset
from bench.errors import UsageError, unknown
from bench.planning.entry import Entry
from bench.planning.suite import Suite
from bench.records.record import AttackId, Cell, Craft, DatasetId, ModelInfo, Slice
from bench.threats import MISCLASSIFIED, Threat

SLICE = 10_000
"""Examples in a slice: what one job covers and one record holds."""
CLEAN = Entry(attack="clean")
Pair = tuple[ModelInfo | None, ModelInfo]
"""Source and target."""


@dataclass(frozen=True)
class Job:
    """One craft with all the cells that judge its candidates: small, picklable, and the unit of resuming."""

    craft: Craft
    cells: tuple[Cell, ...]

    def __str__(self) -> str:
        """Such as `fgsm on maxout`."""
        source = self.craft.source
        return f"{self.craft.attack.name} on {source.name}" if source else self.craft.attack.name


@dataclass(frozen=True)
class Planned:
    """A cell and the entry of the suite that asked for it; the clean pass belongs to every suite."""

    cell: Cell
    entry: Entry


def expand(
    suite: Suite,
    dataset: Dataset,
    references: Mapping[str, ModelInfo],
    guests: Mapping[str, ModelInfo],
    *,
    limit: int | None = None,
    only: Collection[str] | None = None,
) -> list[Planned]:
    """All cells of a suite, each once, clean ones first.

    Args:
        dataset: the suite's; only its sizes, range and checksum are read.
        references: the suite's own models, which are sources for everybody.
        guests: other models. In transfer they meet the references in both directions, and not each other.
        limit: number of examples of a short look.
        only: names of the models whose rows are wanted; None for all. What those rows refer to comes along: the clean
            pass of every model met, and each transfer source's success on itself.

    Raises UsageError where an entry names a source that is no model here.
    """
    planned: dict[str, Planned] = {}
    clean: dict[str, Planned] = {}
    data = DatasetId(name=dataset.name, checksum=dataset.checksum, note=dataset.note)

    def add(to: dict[str, Planned], entry: Entry, part: Slice, pair: Pair, threat: Threat) -> None:
        (source, target), made = pair, entry.made
        attack = AttackId(name=made.name, revision=made.revision, parameters=made.model_dump(mode="json"))
        craft = Craft(dataset=data, slice=part, attack=attack, source=source, seed=suite.seed)
        criterion = MISCLASSIFIED if entry is CLEAN else entry.judged_by
        kind: Literal["attack", "certificate"] = "certificate" if made.proves else "attack"
        cell = Cell(kind=kind, craft=craft, threat=threat, criterion=criterion, target=target)
        to.setdefault(cell.id, Planned(cell, entry))

    for entry in suite.attacks:
        attack = entry.made
        pairs = list(_pairs(suite, entry, attack, references, guests))
        if only is not None:
            pairs = _rows_of(only, entry, pairs)
        targets = {target.fingerprint: target for _, target in pairs}
        slices = list(_slices(suite, dataset, entry, attack, limit))
        for target in targets.values():
            for part in _slices(suite, dataset, CLEAN, CLEAN.made, limit) if attack.generates else slices:
                add(clean, CLEAN, part, (None, target), Threat())
        for part in slices:
            for pair in pairs:
                for threat in _threats(entry, dataset):
                    add(planned, entry, part, pair, threat)
    return list((clean | planned).values())  # an entry may ask for the clean pass as well


def jobs(cells: Iterable[Cell]) -> list[Job]:
    """Cells grouped by their craft, in the order in which the crafts first appear."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.craft.id, []).append(cell)
    return [Job(group[0].craft, tuple(group)) for group in groups.values()]


def _pairs(
    suite: Suite, entry: Entry, attack: Attack, references: Mapping[str, ModelInfo], guests: Mapping[str, ModelInfo]
) -> Iterator[Pair]:
    """Who is judged on what is crafted on whom: each target of the entry, and each source on its own."""
    everyone = {**references, **guests}
    judged = {
        name: model
        for name, model in everyone.items()
        if entry.concerns(model) and (entry.models is None or name in entry.models or name in guests)
    }
    if attack.needs == "nothing":
        yield from ((None, target) for target in judged.values())
    elif entry.sources == "self":
        yield from ((target, target) for target in judged.values())
    else:
        for source in _sources(suite, entry, attack, everyone):
            for target in everyone.values():
                meets = source.name in references or target.name in references
                if source is target or (meets and target.name in judged):
                    yield source, target


def _sources(suite: Suite, entry: Entry, attack: Attack, everyone: Mapping[str, ModelInfo]) -> list[ModelInfo]:
    """The models that a transfer entry is crafted on; those of the suite that are not known yet are left out."""
    if entry.sources == "all":
        return [model for model in everyone.values() if can_craft(attack, model)]
    for name in entry.sources:
        if name not in everyone and name not in suite.models:
            raise unknown("source", name, everyone)
    return [everyone[name] for name in entry.sources if name in everyone]


def _rows_of(only: Collection[str], entry: Entry, pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs that these models are part of, and in transfer each of their sources on itself."""

    def theirs(source: ModelInfo | None, target: ModelInfo) -> bool:
        return target.name in only or (source is not None and source.name in only)

    met = {source.name for source, target in pairs if source is not None and theirs(source, target)}
    own = met if entry.sources != "self" else set()
    return [(one, other) for one, other in pairs if theirs(one, other) or (one is other and other.name in own)]


def can_craft(attack: Attack, source: ModelInfo) -> bool:
    """Whether the source has what the attack needs."""
    return attack.needs != "gradient" or source.gradient != "none"


def _slices(suite: Suite, dataset: Dataset, entry: Entry, attack: Attack, limit: int | None) -> Iterator[Slice]:
    if attack.generates:
        total = entry.n or SLICE
        for start in range(0, min(total, limit or total), SLICE):
            yield Slice(split=None, start=start, stop=min(start + SLICE, total, limit or total), of=total)
        return
    split, size = suite.dataset.split, dataset.sizes[suite.dataset.split]
    wanted = min(entry.n or size, limit or size, size)
    if wanted < size:
        yield Slice(split=split, stop=wanted, of=size, sample=suite.seed)
        return
    for start in range(0, size, SLICE):
        yield Slice(split=split, start=start, stop=min(start + SLICE, size), of=size)


def _threats(entry: Entry, dataset: Dataset) -> list[Threat]:
    if entry.norm is None:
        return [Threat()]
    if entry.clip and dataset.bounds is None:
        raise UsageError(f"dataset {dataset.name} has no range to clip to; give attack {entry.attack} clip: false")
    clip = dataset.bounds if entry.clip else None
    return [Threat(norm=entry.norm, eps=eps, clip=clip) for eps in entry.eps or (None,)]


def attack_of(craft: Craft) -> Attack:
    """The attack that a craft names."""
    return make_attack(craft.attack.name, craft.attack.parameters)
