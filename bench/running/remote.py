"""Parts of jobs in another process: what it needs to know of the data and the models, and the function that it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from adapters.errors import Ended
from adapters.registry import Registration
from bench.errors import UsageError
from bench.planning.plan import Job
from bench.records.part import Part
from bench.running.isolation.limits import Limits
from bench.running.isolation.origin import Origin, files_of
from bench.zoo import Budget

if TYPE_CHECKING:
    from adapters.base import Adapter
    from bench.running.workers import Shared
    from bench.running.world import World


@dataclass(frozen=True)
class WorldSpec:
    """A world by names, small enough to travel with every task; what has no name travels as it is."""

    dataset: str
    options: tuple[tuple[str, Any], ...]
    """Of the dataset."""
    device: str
    budget: Budget
    guests: tuple[tuple[str, str], ...] = ()
    """Names and what `--model` takes for them: `FILE.py:OBJECT`, or a registered name."""
    live: Shared[dict[str, Any]] | None = field(default=None, compare=False)
    """Models by name that were handed over as objects; to processes of the same run alone."""
    live_key: str = ""
    """Tells one set of live objects from another."""
    isolated: tuple[tuple[str, Origin], ...] = ()
    """Names and origins of the guests that have processes of their own there, too."""
    limits: Limits | None = None
    """Of these processes."""
    keep: int = 0
    """How many adversarial inputs of a cell are kept."""


def run_part(spec: WorldSpec, job: Job, number: int) -> Part:
    """One part of a job, in whatever process."""
    from bench.running.job import run_job

    world = _world(spec)
    if world.dataset.checksum != job.craft.dataset.checksum:
        raise UsageError(f"dataset {spec.dataset} is another one there than here; give all processes the same files")
    return next(run_job(job, world, [number]))


@lru_cache(maxsize=2)
def _world(spec: WorldSpec) -> World:
    """The world of a spec: its models are loaded once a process."""
    from bench.datasets import open_dataset
    from bench.progress import SILENT
    from bench.running.isolation.models import Isolated
    from bench.running.roster import Models, offers
    from bench.running.world import World

    dataset = open_dataset(spec.dataset, **dict(spec.options))
    isolated = None if spec.limits is None else Isolated(spec.limits, SILENT.say)
    models = Models(dataset, spec.device, budget=spec.budget, isolated=isolated)
    for name, given in spec.guests:
        (offer,) = [offer for offer in offers(given, [], dataset.name) if offer.name == name]
        models.add_guest(name, offer.resolve)
    live: Mapping[str, Any] = spec.live.get() if spec.live is not None else {}
    for name, model in live.items():
        models.add_guest(name, Registration(name, model).resolve)
    for name, origin in spec.isolated:
        models.add(Registration(name, origin))

    def adapter(name: str) -> Adapter:
        """A model that the run was planned with: what goes wrong with it here is a failure and no error of use."""
        try:
            return models.adapter(name)
        except UsageError as error:
            if name not in dict(spec.isolated):
                raise
            raise Ended("exception", f"in another process {error}") from None

    return World(
        dataset, adapter, models.resolved_device, sent=live, files=files_of(dict(spec.isolated)), keep=spec.keep
    )
