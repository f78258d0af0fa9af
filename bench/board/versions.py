"""Which version of each model a board shows: the published one, what was asked for last, else what was judged last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bench.datasets.base import Dataset
from bench.planning.plan import expand
from bench.planning.suite import Suite
from bench.records.asked import Asked
from bench.records.record import Failure, ModelInfo, Record

REFITTED = " (refitted here)"
"""What follows the name of a reference model that is not the published one; no name of a model holds a blank."""

Item = Record | Failure
Versions = Mapping[str, list[ModelInfo]]
"""By the model's name, the one that counts at the end."""


@dataclass(frozen=True)
class Cast:
    """The models of a board."""

    references: Mapping[str, ModelInfo]
    """The suite's own models, the ones that are ranked."""
    guests: Mapping[str, ModelInfo]
    refits: Mapping[str, ModelInfo] = field(default_factory=dict)
    """By a reference model's name, another version of it: what is crafted on that one counts for guests as well."""
    older: Mapping[str, int] = field(default_factory=dict)
    """How many other versions the records hold of each name."""
    beside: bool = False
    """Whether refits that were run themselves are shown beside the references, which are the published ones."""

    @property
    def crafters(self) -> dict[str, ModelInfo]:
        """The suite's own models as they are on this machine, which guests meet."""
        return {**self.references, **self.refits}


def judged(items: Iterable[Item], asked: Iterable[Asked] = ()) -> dict[str, list[ModelInfo]]:
    """The versions of each target by its name: at the end what was asked for last or, unknown, was judged last."""
    last: dict[str, dict[str, tuple[str, ModelInfo]]] = {}
    for item in items:
        model = item.cell.target
        versions = last.setdefault(model.name, {})
        if model.fingerprint not in versions or versions[model.fingerprint][0] < item.run.finished:
            versions[model.fingerprint] = item.run.finished, model
    wanted = {note.name: note.fingerprint for note in sorted(asked, key=lambda note: (note.at, note.fingerprint))}
    return {name: _ordered(found, wanted.get(name)) for name, found in last.items()}


def _ordered(versions: Mapping[str, tuple[str, ModelInfo]], wanted: str | None) -> list[ModelInfo]:
    """Versions by when they were judged, the wanted one last."""
    order = sorted(versions, key=lambda fingerprint: (fingerprint == wanted, versions[fingerprint][0], fingerprint))
    return [versions[fingerprint][1] for fingerprint in order]


def standing(suite: Suite, dataset: Dataset, published: Iterable[Item], asked: Iterable[Asked]) -> Versions:
    """The published versions of the suite's own models, where every one of their cells is published.

    Nothing where one is missing: a board of another suite, or of another version of it, is no published board of this.
    """
    here = {item.id: item for item in published}
    versions = judged(here.values(), asked)
    if not suite.models or not versions.keys() >= set(suite.models):
        return {}
    models = {name: versions[name][-1] for name in suite.models}
    cells = (planned.cell.id for planned in expand(suite, dataset, models, {}))
    return {name: versions[name] for name in suite.models} if all(id in here for id in cells) else {}


def cast(
    suite: Suite,
    versions: Versions,
    current: Mapping[str, ModelInfo],
    met: Mapping[str, ModelInfo],
    published: Versions,
) -> Cast:
    """The models of a suite's board.

    Args:
        suite: whose own models are the references.
        versions: of every model judged, as `judged` has them.
        current: models that are asked for right now. A name that one of them had before gives way to its new one.
        met: reference models as they are on this machine, that nobody asked for but guests meet.
        published: as `standing` has them: no other version takes the place of these.
    """
    now = {model.fingerprint for model in current.values()}
    before = {name: found[-1] for name, found in versions.items() if found[-1].fingerprint not in now}
    shown = {name: found[-1] for name, found in published.items()}
    models = {**met, **before, **current, **shown}
    references = {name: models[name] for name in suite.models if name in models}
    refits, older = {}, {name: len(found) - 1 for name, found in versions.items()}
    for name, chosen in references.items():
        others = [*(group[name] for group in (current, met) if name in group), *reversed(versions.get(name, []))]
        theirs = {model.fingerprint for model in published.get(name, [chosen])}
        others = [model for model in others if model.fingerprint not in theirs]
        if others:
            refits[name] = others[0]
        if name in published:
            older[name] = len(published[name]) - 1
            older[name + REFITTED] = max(0, len({model.fingerprint for model in others}) - 1)
    guests = {name: models[name] for name in sorted(models) if name not in suite.models}
    return Cast(references, guests, refits, older, beside=bool(published))
