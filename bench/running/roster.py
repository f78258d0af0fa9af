"""The models of one run: references by name, guests by registration, each loaded when it is needed and not before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adapters.errors import AdapterError
from adapters.registry import Registration, checked_name, from_file, registered
from bench import zoo
from bench.datasets.base import Dataset
from bench.errors import UsageError, unknown
from bench.progress import SILENT, Progress
from bench.records.record import ModelInfo

if TYPE_CHECKING:
    from adapters.base import Adapter


class Models:
    """Adapters by name, each made once."""

    def __init__(
        self, dataset: Dataset, device: str, progress: Progress = SILENT, *, budget: zoo.Budget = "full"
    ) -> None:
        """
        Args:
            dataset: whose models.
            device: `auto`, `cpu` or `cuda`.
            progress: told when a model has to be made, and how its training goes.
            budget: with `quick`, a reference model that is not made yet is made by its quick recipe.
        """
        self.dataset = dataset
        self._device = device
        self._progress = progress
        self.budget = budget
        self._guests: dict[str, Any] = {}
        self._loaded: dict[str, Adapter] = {}
        self.specs: dict[str, str] = {}
        """What another process takes for each guest with a name: `FILE.py:OBJECT`, or a registered name."""

    def add_guest(self, name: str, offer: Callable[[], Any]) -> None:
        """Make a model known by a name that no other has."""
        if name in self._guests:
            raise UsageError(f"model {name!r} is given twice")
        self._guests[name] = offer

    def info(self, name: str) -> ModelInfo:
        """What the plan needs to know of a model; loads it only where no card tells."""
        card = None if name in self._guests else self._card(name)
        if card is not None and name not in self._loaded:
            return card
        adapter = self.adapter(name)
        return ModelInfo(
            name=name,
            fingerprint=adapter.fingerprint,
            family=adapter.family,
            gradient=adapter.gradient,
            confidence_kind=adapter.confidence_kind,
            notes=tuple(adapter.notes),
            effort=None if name in self._guests else self._effort(name),
        )

    def is_ready(self, name: str) -> bool:
        """Whether `info` costs nothing but reading a card."""
        return name in self._loaded or (name not in self._guests and self._card(name) is not None)

    def card(self, name: str) -> zoo.Card | None:
        """What is known of a reference model without loading it; None where it is not made."""
        return zoo.card(self.dataset, name, self._budget_of(name))

    def adapter(self, name: str) -> Adapter:
        """The model itself, fitted to the dataset's shape and classes, on the device.

        Raises:
            UsageError: it cannot be wrapped, or does not take this dataset's inputs.
        """
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
        if name not in self._guests:
            planned = self._card(name)
            adapter = zoo.load(
                self.dataset,
                name,
                self._progress,
                budget=self._budget_of(name),
                device=self.resolved_device,
            )
            if planned is not None and planned != self._card(name):  # its files were damaged, and it was fitted anew
                raise UsageError(f"model {name} had to be made anew and has changed; run the same command again")
            return adapter.to(self.resolved_device)
        from adapters.base import Adapter
        from adapters.fitting import fit
        from adapters.wrapping import wrap

        device = self.resolved_device
        try:
            given = self._guests[name]()
            # Of its owner's adapter a copy: what is settled here of its shape, device and name stays here.
            adapter = given.copied() if isinstance(given, Adapter) else wrap(given)
            return fit(adapter.to(device), self.dataset.input_shape, self.dataset.classes).called(name)
        except AdapterError as error:
            raise UsageError(f"model {name}: {error} (dataset {self.dataset.name})") from error
        except Exception as error:
            raise UsageError(f"model {name} cannot be made: {type(error).__name__}: {error}") from error

    def _budget_of(self, name: str) -> zoo.Budget:
        """The budget of a reference model: full where that model is there, or where there is no other recipe."""
        full, quick = (zoo.recipe(self.dataset.name, name, budget) for budget in ("full", "quick"))
        if self.budget == "full" or full == quick or zoo.card(self.dataset, name) is not None:
            return "full"
        return "quick"

    def _effort(self, name: str) -> str | None:
        """How short the training of a reference model is; None for that of its full recipe."""
        return None if self._budget_of(name) == "full" else zoo.recipe(self.dataset.name, name, "quick").effort

    def _card(self, name: str) -> ModelInfo | None:
        card = self.card(name)
        if card is None:
            return None
        return ModelInfo(
            name=name,
            fingerprint=card.fingerprint,
            family=card.family,
            gradient=card.gradient,
            confidence_kind=card.confidence_kind,
            effort=self._effort(name),
        )


def chosen(specs: list[str], models: Models, references: list[str]) -> tuple[list[str], list[str]]:
    """What `--model` means: the suite's own models named, and the guests, now known to `models`.

    A spec is a reference model's name, a registered name, `FILE.py` or `FILE.py:OBJECT`. A reference model that the
    suite does not name is a guest that is made by its recipe.

    Raises:
        UsageError: a name that is none of these, or a model that is for another dataset.
    """
    known: list[str] = []
    guests: list[str] = []
    made = zoo.names(models.dataset.name)
    for spec in specs:
        if spec in made:
            (known if spec in references else guests).append(spec)
            continue
        for offer in offers(spec, made, models.dataset.name):
            if offer.name in made:
                raise UsageError(f"{offer.name!r} is a reference model's name; register yours under another")
            models.add_guest(offer.name, offer.resolve)
            models.specs[offer.name] = named_again(spec, offer.name)
            guests.append(offer.name)
    return known, guests


def named_again(spec: str, name: str) -> str:
    """What `--model` takes for one model of a spec, from whatever folder."""
    path, found, attribute = spec.partition(".py")
    if not found or (attribute and not attribute.startswith(":")):
        return spec
    return f"{Path(path + found).resolve()}{attribute or f':{name}'}"


def cuda_devices() -> list[str]:
    """The numbers of the CUDA devices here."""
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def offers(spec: str, references: list[str], dataset: str | None) -> list[Registration]:
    """The models that a spec other than a reference model's name stands for.

    Args:
        spec: a registered name, `FILE.py` or `FILE.py:OBJECT`.
        references: what else a name could have meant.
        dataset: leave out models for others than this one; None to keep all.

    Raises:
        UsageError: a name that is none of these, or no model for the dataset.
    """
    found = _offers(spec, references)
    fitting = [offer for offer in found if dataset is None or offer.dataset in (None, dataset)]
    if not fitting:
        others = ", ".join(f"{offer.name} (for {offer.dataset})" for offer in found)
        raise UsageError(f"{spec} has no model for dataset {dataset}; it has {others}")
    return fitting


def _offers(spec: str, references: list[str]) -> list[Registration]:
    try:
        if spec.endswith(".py") or ".py:" in spec:
            return from_file(spec)
        known = registered()
    except AdapterError as error:
        raise UsageError(str(error)) from error
    if spec not in known:
        raise unknown("model", spec, [*references, *known])
    return [known[spec]]


def given(models: Models, objects: Mapping[str, Any]) -> list[str]:
    """Models handed over from Python by name, now known to `models`; their names."""
    for name, model in objects.items():
        try:
            checked_name(name)
        except AdapterError as error:
            raise UsageError(str(error)) from error
        if name in zoo.names(models.dataset.name):
            raise UsageError(f"{name!r} is a reference model's name; give yours another")
        models.add_guest(name, Registration(name, model).resolve)
    return list(objects)
