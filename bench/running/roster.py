"""The models of one run: references by name, guests by registration, each loaded when it is needed and not before."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.errors import AdapterError, Ended, NotImportable, told
from adapters.registry import Registration, checked_name, from_file, registered
from bench import zoo
from bench.datasets.base import Dataset
from bench.errors import BrokenModel, OfOtherData, UsageError, unknown
from bench.planning.entry import MISLEADING
from bench.progress import SILENT, Progress
from bench.records.record import ModelInfo
from bench.running.absent import Absent
from bench.running.isolation.models import Isolated
from bench.running.isolation.origin import Origin, files_of
from bench.running.leading import misleads
from bench.running.making import adapter_of

if TYPE_CHECKING:
    from adapters.base import Adapter


class Models:
    """Adapters by name, each made once."""

    def __init__(
        self,
        dataset: Dataset,
        device: str,
        progress: Progress = SILENT,
        *,
        budget: zoo.Budget = "full",
        isolated: Isolated | None = None,
    ) -> None:
        """
        Args:
            dataset: whose classes and shape they are fitted to.
            device: `auto`, `cpu` or `cuda`.
            progress: told what is being done.
            budget: with `quick`, a reference model that is not made yet is made by its quick recipe.
            isolated: has processes for models that others wrote; None to run these in this one.
        """
        self.dataset = dataset
        self._device = device
        self._progress = progress
        self.budget = budget
        self._guests: dict[str, Any] = {}
        self._loaded: dict[str, Adapter] = {}
        self.specs: dict[str, str] = {}
        """What another process takes for each guest with a name: `FILE.py:OBJECT`, or a registered name."""
        self.isolated = isolated
        """The guests that have processes of their own."""
        self.lost: dict[str, Absent] = {}
        """What was asked for and did not start, each with the reason: its process ended, or took too long."""
        self.offered: dict[str, list[str]] = {}
        """The names of the guests that each spec stands for, of those that told."""
        if device == "cuda":
            _ = self.resolved_device  # that there is none is told before any work, and where nothing is left to do

    def close(self) -> None:
        """End the processes of models."""
        if self.isolated is not None:
            self.isolated.close()

    def add(self, offer: Registration) -> None:
        """Make a model known, which runs here or, where its offer is an `Origin`, in a process of its own."""
        self.add_guest(offer.name, offer.resolve)
        if self.isolated is not None and isinstance(offer.offer, Origin):
            self.isolated.add(offer.name, offer.offer)

    def warm(self, specs: Sequence[str]) -> None:
        """Start processes for what `--model` names, and load torch here while they do."""
        known = zoo.names(self.dataset.name)
        if self.isolated is not None and (guests := [spec for spec in specs if spec not in known]):
            self.isolated.expect(len(guests))
            importlib.import_module("bench.running.job")

    @contextmanager
    def losing(self, what: str, *, alone: bool) -> Iterator[None]:
        """Go on without a model, or a file of models, that does not start.

        Raises:
            BrokenModel: it cannot be made, and nothing else was asked for: that is bad input.
        """
        try:
            yield
            return
        except Ended as error:
            kind, why = error.kind, str(error)
        except BrokenModel as error:
            kind, why = "exception", str(error)
            if alone and not self.lost:
                self.lost[what] = Absent(what, kind, why)
                raise
        self.lost[what] = Absent(what, kind, why)
        self._progress.say(str(self.lost[what]))

    def files(self) -> dict[str, str]:
        """SHA-256 of the files that guests come from, by the guests' names."""
        apart = {} if self.isolated is None else dict(self.isolated.origins)
        here = {name: spec for name, spec in self.specs.items() if ".py" in spec and name not in apart}
        return files_of(apart | {name: Origin.file(spec) for name, spec in here.items()})

    def add_guest(self, name: str, offer: Callable[[], Any]) -> None:
        """Make a model known by a name that no other has."""
        if name in self._guests:
            raise UsageError(f"model {name!r} is given twice")
        self._guests[name] = offer

    def is_guest(self, name: str) -> bool:
        """Whether it was given to this run, and is made by no recipe of ours."""
        return name in self._guests

    def info(self, name: str) -> ModelInfo:
        """What the plan needs to know of a model; loads it only where no card tells."""
        if name not in self._loaded and (told := self._told(name)):
            return told
        adapter = self.adapter(name)
        told = self._info(name, adapter, tuple(adapter.notes))
        if name in self._guests and misleads(adapter, self.dataset):
            told = told.model_copy(update={"notes": (*told.notes, MISLEADING)})
        return told

    def is_ready(self, name: str) -> bool:
        """Whether `info` costs nothing but reading a card."""
        return name in self._loaded or self._told(name) is not None

    def card(self, name: str) -> zoo.Card | None:
        """What is known of a reference model without loading it; None where it is not made."""
        return zoo.card(self.dataset, name, self._budget_of(name))

    def adapter(self, name: str) -> Adapter:
        """The model itself, fitted to the dataset's shape and classes, on the device; UsageError where it will not."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    @cached_property
    def resolved_device(self) -> str:
        """`cpu` or `cuda`: `auto` is CUDA where there is a device."""
        import torch

        if self._device == "auto":
            return "cuda" if torch.cuda.is_available() else "cpu"
        if self._device == "cuda" and not torch.cuda.is_available():
            raise UsageError("--device cuda: torch sees no CUDA device here; use --device cpu or auto")
        return self._device

    def _load(self, name: str) -> Adapter:
        device = self.resolved_device
        if name in self._guests:
            return self._guest(name, device)
        told = self._told(name)
        adapter = zoo.load(self.dataset, name, self._progress, budget=self._budget_of(name), device=device)
        if told is not None and told != self._told(name):  # its files were damaged, and it was fitted anew
            raise UsageError(f"model {name} had to be made anew and has changed; run the same command again")
        return adapter.to(device)

    def _guest(self, name: str, device: str) -> Adapter:
        shape, classes = self.dataset.input_shape, self.dataset.classes
        if self.isolated is not None and name in self.isolated.origins:
            from bench.running.isolation.channel import Place

            return self.isolated.remote(name, Place(shape, classes, self.dataset.name, device))
        try:
            return adapter_of(self._guests[name], name, shape, classes, device)
        except AdapterError as error:
            raise BrokenModel(f"model {name}: {error} (dataset {self.dataset.name})") from error
        except (Exception, SystemExit) as error:
            raise BrokenModel(f"model {name} cannot be made: {told(error)}") from error

    def _budget_of(self, name: str) -> zoo.Budget:
        """The budget of a reference model: full where that model is there, or where there is no other recipe."""
        full, quick = (zoo.recipe(self.dataset.name, name, budget) for budget in ("full", "quick"))
        if self.budget == "full" or full == quick or zoo.card(self.dataset, name) is not None:
            return "full"
        return "quick"

    def _told(self, name: str) -> ModelInfo | None:
        """What its card tells of a reference model; None where it is not made, and of guests."""
        card = None if name in self._guests else self.card(name)
        return None if card is None else self._info(name, card)

    def _info(self, name: str, model: Adapter | zoo.Card, notes: tuple[str, ...] = ()) -> ModelInfo:
        quick = name not in self._guests and self._budget_of(name) == "quick"
        return ModelInfo(
            name=name,
            fingerprint=model.fingerprint,
            family=model.family,
            gradient=model.gradient,
            confidence_kind=model.confidence_kind,
            notes=notes,
            effort=zoo.recipe(self.dataset.name, name, "quick").effort if quick else None,
        )


def blindness(name: str, adapter: Adapter) -> str | None:
    """A line about a model that cannot be seen into and has no version; None where there is nothing to say."""
    from adapters.identified import NO_VERSION

    if NO_VERSION not in adapter.notes or not (unseen := adapter.unseen):
        return None
    more = f" (and {len(unseen) - 1} more)" if len(unseen) > 1 else ""
    return (
        f"model {name}: cannot see into {unseen[0]}{more}, so nothing tells whether it is the same the next time, and "
        f"its results are never reused; if it stays what it is, say so: {adapter.remedy}"
    )


def chosen(specs: list[str], models: Models, references: list[str]) -> tuple[list[str], list[str]]:
    """What `--model` means: the suite's own models named, and the guests, now known to `models`.

    A spec is a reference model's name, a registered name, `FILE.py` or `FILE.py:OBJECT`. A reference model that the
    suite does not name is a guest that is made by its recipe. Raises UsageError for anything else.
    """
    known: list[str] = []
    guests: list[str] = []
    made = zoo.names(models.dataset.name)
    for spec in specs:
        if spec in made:
            (known if spec in references else guests).append(spec)
            continue
        found: list[Registration] = []
        with models.losing(spec, alone=len(specs) == 1):
            found = offers(spec, made, models.dataset.name, models.isolated)
        if found:
            models.offered[spec] = [offer.name for offer in found]
        for offer in found:
            if offer.name in made:
                raise UsageError(f"{offer.name!r} is a reference model's name; register yours under another")
            models.add(offer)
            models.specs[offer.name] = named_again(spec, offer.name)
            guests.append(offer.name)
    return known, guests


def named_again(spec: str, name: str) -> str:
    """What `--model` takes for one model of a spec, from whatever folder."""
    path, found, attribute = spec.partition(".py")
    if not found or (attribute and not attribute.startswith(":")):
        return spec
    return f"{Path(path + found).resolve()}{attribute or f':{name}'}"


def offers(
    spec: str, references: list[str], dataset: str | None, isolated: Isolated | None = None
) -> list[Registration]:
    """The models that a spec other than a reference model's name stands for, those for other datasets left out.

    With `isolated`, others' code is run by processes of those, and each offer is its `Origin`. What this process has
    registered itself is its own.

    Raises:
        UsageError: there are none.
        Ended: the process that looks into a file ended, or took too long.
    """
    try:
        if spec.endswith(".py") or ".py:" in spec:
            found = from_file(spec) if isolated is None else isolated.offers(spec)
        elif spec in (known := registered()):
            theirs = isolated is not None and known[spec].packaged
            found = [Registration(spec, Origin("name", spec))] if theirs else [known[spec]]
        else:
            raise unknown("model", spec, [*references, *known])
    except Ended:
        raise
    except NotImportable as error:
        raise BrokenModel(str(error)) from error
    except AdapterError as error:
        raise UsageError(str(error)) from error
    fitting = [offer for offer in found if dataset is None or offer.dataset in (None, dataset)]
    if not fitting:
        others = ", ".join(f"{offer.name} (for {offer.dataset})" for offer in found)
        raise OfOtherData(f"{spec} has no model for dataset {dataset}; it has {others}")
    return fitting


def given(models: Models, objects: Mapping[str, Any], *, isolate: bool = False, inline: bool = False) -> list[str]:
    """Models handed over from Python by name, now known to `models`; their names.

    With `isolate` they go to processes of their own, with `inline` to those of other machines.
    """
    for name, model in objects.items():
        try:
            checked_name(name)
        except AdapterError as error:
            raise UsageError(str(error)) from error
        if name in zoo.names(models.dataset.name):
            raise UsageError(f"{name!r} is a reference model's name; give yours another")
        models.add(Registration(name, Origin.object(name, model, inline) if isolate else model))
    return list(objects)
