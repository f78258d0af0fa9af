"""Finding, loading and making the reference models.

A model is a weights file and its card; an ensemble is a card and its members. Those shipped in the package come first,
so that everybody's results share one fingerprint; all others are made once and kept in
`home()/models/<dataset>/<name>-<recipe hash>/`. What a long training has come to is kept in `home()/checkpoints/` until
it ends.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.choices import Budget
from bench.datasets import Dataset, open_dataset
from bench.errors import DiskError, UsageError
from bench.files import sweep, temporary
from bench.home import home
from bench.progress import SILENT, Progress
from bench.zoo.cards import Card, CardError, read_card, write_card
from bench.zoo.cookbook import Recipe, recipe
from bench.zoo.files import file_sha256, read_model, suffix, write_model
from bench.zoo.kinds import ESTIMATORS

if TYPE_CHECKING:
    from adapters.base import Adapter

SHIPPED = Path(__file__).with_name("weights")


def card(dataset: Dataset | str, name: str, budget: Budget = "full") -> Card | None:
    """The card of a model that is shipped or cached, None where it is still to be made; UsageError for none such."""
    data, spec = _found(dataset, name, budget)
    for folder in (SHIPPED / data.name, _cached(data, name, spec)):
        with suppress(CardError, FileNotFoundError):
            return _current_card(folder, name, spec, data)
    return None


def load(
    dataset: Dataset | str, name: str, progress: Progress = SILENT, *, budget: Budget = "full", device: str = "auto"
) -> Adapter:
    """A reference model: the shipped one, else the cached one, else a new one, which is then cached.

    `progress` is told when the model has to be made, how its training goes, and when it misses its expected error.
    `device` is where a network is trained if it has to be: `auto`, `cpu` or `cuda`; the adapter is on the CPU. Raises
    UsageError for no such reference model or device, and for shipped weights that are not what was shipped.
    """
    data, spec = _found(dataset, name, budget)
    return _loaded(data, name, spec, progress, device)


def train(
    dataset: Dataset | str,
    name: str,
    *,
    out: Path | None = None,
    epochs: int | None = None,
    budget: Budget = "full",
    device: str = "auto",
    progress: Progress = SILENT,
) -> Card:
    """Make a reference model anew by its recipe; `Card.verdict` says whether it reached the expected error.

    A training of the same recipe on the same device that was interrupted goes on from its last checkpoint. Weights and
    card go to the folder `out`, by default the cache, where `load` finds what is not shipped. `epochs` other than the
    recipe's, for networks, make it another recipe. `device` is as in `load`. Raises UsageError for no such reference
    model or device, and for `epochs` of a model that has none.
    """
    data, spec = _found(dataset, name, budget)
    if epochs is not None:
        if spec.training is None:
            raise UsageError(f"{name} is fitted at once, without epochs")
        if epochs < 1:
            raise UsageError(f"epochs is {epochs}; it must be at least 1")
        spec = spec.model_copy(update={"training": spec.training.model_copy(update={"epochs": epochs})})
    return _make(data, name, spec, out or _cached(data, name, spec), progress, device)[0]


def _found(dataset: Dataset | str, name: str, budget: Budget) -> tuple[Dataset, Recipe]:
    data = open_dataset(dataset) if isinstance(dataset, str) else dataset
    return data, recipe(data.name, name, budget)


def _cached(data: Dataset, name: str, spec: Recipe) -> Path:
    return home() / "models" / data.name / f"{name}-{spec.hash[:16]}"


def _loaded(data: Dataset, name: str, spec: Recipe, progress: Progress, device: str) -> Adapter:
    """The model of a recipe, made where it is not there."""
    try:
        return _kept(data, name, spec)
    except FileNotFoundError:
        progress.starting(f"refitting {name}")
    except CardError as error:
        progress.starting(f"refitting {name}: {error}")
    made, adapter = _make(data, name, spec, _cached(data, name, spec), progress, device)
    if not made.as_expected:
        progress.starting(f"{name}: {made.verdict}")
    return adapter


def _current_card(folder: Path, name: str, spec: Recipe, data: Dataset) -> Card:
    """The card in a folder, if its model is still what this recipe makes of this dataset.

    One that was made on this machine must come from these libraries, too: they decide the fit, the file and the
    fingerprint. What is shipped is held to its card by the tests. Raises FileNotFoundError where there is none, or one
    of another recipe, and CardError where there is one that does not count.
    """
    found = read_card(folder, name)
    if found is None or found.recipe.hash != spec.hash:
        raise FileNotFoundError(folder)
    if found.dataset_checksum != data.checksum:
        raise CardError("it was fitted on other data")
    if found.weights != _file(name, spec):
        raise CardError(f"its card names a strange file, {found.weights!r}")
    if not folder.is_relative_to(SHIPPED):
        for library in ["potemkin-bench", "scikit-learn"] if spec.kind in ESTIMATORS else ["potemkin-bench"]:
            if found.versions.get(library) != version(library):
                raise CardError(f"it was made by {library} {found.versions.get(library)}")
    return found


def _read(folder: Path, name: str, spec: Recipe, data: Dataset) -> Adapter:
    """The model in a folder. Raises as `_current_card`, and CardError where file and card disagree."""
    found = _current_card(folder, name, spec, data)
    if found.weights is None or found.weights_sha256 is None:
        model: Any = [_kept(data, *member) for member in spec.members.items()]
    else:
        model = read_model(folder / found.weights, found.weights_sha256, spec, data.features, len(data.classes))

    from bench.zoo.fitting import adapter_of

    adapter = adapter_of(model, spec, data)
    if adapter.fingerprint != found.fingerprint:
        raise CardError("its fingerprint is not the card's, so another version of its adapter made it")
    return adapter


def _kept(data: Dataset, name: str, spec: Recipe) -> Adapter:
    """A model that is shipped or cached. Raises as `_read`, and UsageError where the shipped one is damaged."""
    try:
        return _read(SHIPPED / data.name, name, spec, data)
    except FileNotFoundError:
        return _read(_cached(data, name, spec), name, spec, data)
    except CardError as error:
        raise UsageError(f"the shipped model {name!r} is damaged: {error}; reinstall potemkin-bench") from None


def _file(name: str, spec: Recipe) -> str | None:
    """Name of a model's weights file; None for an ensemble, whose weights are its members'."""
    return None if spec.members else f"{name}{suffix(spec.kind)}"


def _make(
    data: Dataset, name: str, spec: Recipe, folder: Path, progress: Progress, device: str
) -> tuple[Card, Adapter]:
    """Fit a model and put it, with its card, into a folder."""
    if spec.published is not None:
        raise UsageError(f"{name} ships as {spec.published} published it; nothing here makes it anew")
    from bench.training.checkpoint import Checkpoint
    from bench.zoo.fitting import Fitted, adapter_of, clean_error, fit_model, training_device

    there = training_device(device)  # one that there is not is bad input, also for a model that would not use it
    place = "cpu" if spec.kind in ESTIMATORS else there
    checkpoint = Checkpoint(
        home() / "checkpoints" / data.name / f"{name}-{spec.hash[:16]}.safetensors",
        {"version": "2", "recipe": spec.hash, "dataset": data.checksum, "device": place, **_versions(spec)},
    )
    started = time.perf_counter()
    if spec.members:
        fitted = Fitted([_loaded(data, *member, progress, device) for member in spec.members.items()])
    else:

        def doing(text: str, share: float) -> None:
            progress.doing(f"training {name}: {text}", share)

        fitted = fit_model(data, spec, doing, place, checkpoint)
    adapter = adapter_of(fitted.model, spec, data)
    seconds = time.perf_counter() - started
    with _staged(name, folder) as staging:
        weights = _file(name, spec)
        if weights is not None:
            write_model(fitted.model, staging / weights)
        made = Card(
            name=name,
            dataset=data.name,
            dataset_checksum=data.checksum,
            fingerprint=adapter.fingerprint,
            family=adapter.family,
            gradient=adapter.gradient,
            confidence_kind=adapter.confidence_kind,
            clean_error=clean_error(adapter, data),
            recipe=spec,
            recipe_hash=spec.hash,
            weights=weights,
            weights_sha256=None if weights is None else file_sha256(staging / weights),
            seconds=round(seconds, 2),
            epochs=fitted.epochs,
            curve=fitted.curve,
            device=place,
            versions=_versions(spec),
        )
        write_card(made, staging)
        _publish(staging, folder)
        checkpoint.remove()
    return made, adapter


@contextmanager
def _staged(name: str, folder: Path) -> Iterator[Path]:
    """A folder to write a model into, gone at the block's end. What dead runs left there goes as well.

    Raises:
        UsageError: nothing can be written there.
    """
    staging = temporary(folder.with_name(name))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep(folder.parent)
        staging.mkdir()
    except OSError as error:
        raise UsageError(f"cannot write a model to {folder}: {error.strerror}") from None
    try:
        yield staging
    except OSError as error:
        if error.errno is None or isinstance(error, UsageError):
            raise
        raise DiskError(error.errno, error.strerror, str(folder)) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _publish(staging: Path, folder: Path) -> None:
    """Move a complete model into its folder, whole where nothing is there yet.

    Into one that exists the files go one by one, the card last: until it comes, the old card refuses the new weights.
    """
    try:
        staging.rename(folder)
    except OSError:
        folder.mkdir(exist_ok=True)
        for path in sorted(staging.iterdir(), key=lambda path: path.suffix == ".json"):
            os.replace(path, folder / path.name)


def _versions(spec: Recipe) -> dict[str, str]:
    libraries = ["scikit-learn", "skops"] if spec.kind in ESTIMATORS else ["torch"]
    return {library: version(library) for library in ["potemkin-bench", "numpy", *libraries]}
