"""Finding, loading and making the reference models.

A model is a weights file and its card. Those shipped in the package come first, so that everybody's results share one
fingerprint; all others are made once and kept in `home()/models/<dataset>/<name>-<recipe hash>/`. What a long training
has come to is kept in `home()/checkpoints/` until it ends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from bench.datasets import Dataset, open_dataset
from bench.errors import UsageError
from bench.home import home
from bench.zoo.cards import Card, CardError, read_card, write_card
from bench.zoo.cookbook import Budget, Recipe, recipe
from bench.zoo.files import file_sha256, read_model, suffix, write_model
from bench.zoo.kinds import NETS

if TYPE_CHECKING:
    from adapters.base import Adapter

SHIPPED = Path(__file__).with_name("weights")

Progress = Callable[[int, int, str], None]


def card(dataset: str, name: str, budget: Budget = "full") -> Card | None:
    """The card of a model that is shipped or cached, None where it is still to be made.

    Raises:
        UsageError: no such reference model.
    """
    spec, data = recipe(dataset, name, budget), open_dataset(dataset)
    for folder in (SHIPPED / dataset, _cached(dataset, name, spec)):
        with suppress(CardError, FileNotFoundError):
            return _current_card(folder, name, spec, data)
    return None


def load(
    dataset: str,
    name: str,
    report: Callable[[str], None] | None = None,
    *,
    budget: Budget = "full",
    device: str = "auto",
    progress: Progress | None = None,
) -> Adapter:
    """A reference model: the shipped one, else the cached one, else a new one, which is then cached.

    Args:
        dataset: name of a dataset that has reference models.
        name: of the model.
        report: told in a line when the model has to be made, and when it misses its expected error.
        budget: which of the model's two recipes.
        device: where a network is trained if it has to be: `auto`, `cpu` or `cuda`. The adapter is on the CPU.
        progress: told how that training goes, as by `train`.

    Raises:
        UsageError: no such reference model or device, or shipped weights that are not what was shipped.
    """
    spec, data = recipe(dataset, name, budget), open_dataset(dataset)
    say = report or (lambda line: None)
    try:
        return _read(SHIPPED / dataset, name, spec, data)
    except FileNotFoundError:
        pass
    except CardError as error:
        raise UsageError(f"the shipped model {name!r} is damaged: {error}; reinstall potemkin-bench") from None
    folder = _cached(dataset, name, spec)
    try:
        return _read(folder, name, spec, data)
    except FileNotFoundError:
        say(f"refitting {name}")
    except CardError as error:
        say(f"refitting {name}: {error}")
    made, adapter = _make(data, name, spec, folder, progress, device)
    if not made.as_expected:
        say(f"{name}: {made.verdict}")
    return adapter


def train(
    dataset: str,
    name: str,
    *,
    out: Path | None = None,
    epochs: int | None = None,
    budget: Budget = "full",
    device: str = "auto",
    progress: Progress | None = None,
) -> Card:
    """Make a reference model anew by its recipe; `Card.verdict` says whether it reached the expected error.

    A training of the same recipe on the same device that was interrupted goes on from its last checkpoint.

    Args:
        dataset: name of a dataset that has reference models.
        name: of the model.
        out: folder for the weights and the card; None for the cache, where `load` finds what is not shipped.
        epochs: other than the recipe's, for networks; makes it another recipe.
        budget: which of the model's two recipes.
        device: where networks are trained: `auto`, `cpu` or `cuda`.
        progress: told what is done, what there is to do, and what goes on.

    Raises:
        UsageError: no such reference model or device, or `epochs` for a model that has none.
    """
    spec, data = recipe(dataset, name, budget), open_dataset(dataset)
    if epochs is not None:
        if spec.training is None:
            raise UsageError(f"{name} is fitted at once, without epochs")
        if epochs < 1:
            raise UsageError(f"epochs is {epochs}; it must be at least 1")
        spec = spec.model_copy(update={"training": spec.training.model_copy(update={"epochs": epochs})})
    return _make(data, name, spec, out or _cached(dataset, name, spec), progress, device)[0]


def _cached(dataset: str, name: str, spec: Recipe) -> Path:
    return home() / "models" / dataset / f"{name}-{spec.hash[:16]}"


def _current_card(folder: Path, name: str, spec: Recipe, data: Dataset) -> Card:
    """The card in a folder, if its model is still what this recipe makes of this dataset.

    One that was made on this machine must come from these libraries, too: they decide the fit, the file and the
    fingerprint. What is shipped is held to its card by the tests.

    Raises:
        FileNotFoundError: there is none, or it was made by another recipe.
        CardError: there is one, but it does not count.
    """
    found = read_card(folder, name)
    if found is None or found.recipe.hash != spec.hash:
        raise FileNotFoundError(folder)
    if found.dataset_checksum != data.checksum:
        raise CardError("it was fitted on other data")
    if found.weights != f"{name}{suffix(spec.kind)}":
        raise CardError(f"its card names a strange file, {found.weights!r}")
    if not folder.is_relative_to(SHIPPED):
        for library in ["potemkin-bench"] if spec.kind in NETS else ["potemkin-bench", "scikit-learn"]:
            if found.versions.get(library) != version(library):
                raise CardError(f"it was made by {library} {found.versions.get(library)}")
    return found


def _read(folder: Path, name: str, spec: Recipe, data: Dataset) -> Adapter:
    """The model in a folder. Raises as `_current_card`, and CardError where file and card disagree."""
    found = _current_card(folder, name, spec, data)
    model = read_model(folder / found.weights, found.weights_sha256, spec, data.features, len(data.classes))

    from bench.zoo.fitting import adapter_of

    adapter = adapter_of(model, spec, data)
    if adapter.fingerprint != found.fingerprint:
        raise CardError("its fingerprint is not the card's, so another version of its adapter made it")
    return adapter


def _make(
    data: Dataset, name: str, spec: Recipe, folder: Path, progress: Progress | None, device: str
) -> tuple[Card, Adapter]:
    """Fit a model and put it, with its card, into a folder."""
    from bench.zoo.checkpoint import Checkpoint
    from bench.zoo.fitting import adapter_of, clean_error, fit_model, training_device

    place = training_device(device) if spec.kind in NETS else "cpu"
    checkpoint = Checkpoint(
        home() / "checkpoints" / data.name / f"{name}-{spec.hash[:16]}.safetensors",
        {"recipe": spec.hash, "dataset": data.checksum, "device": place, **_versions(spec)},
    )
    started = time.perf_counter()
    model, epochs = fit_model(data, spec, progress, place, checkpoint)
    seconds = time.perf_counter() - started
    adapter = adapter_of(model, spec, data)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
    except OSError as error:
        raise UsageError(f"cannot write a model to {folder}: {error.strerror}") from None
    try:
        weights = staging / f"{name}{suffix(spec.kind)}"
        write_model(model, weights)
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
            weights=weights.name,
            weights_sha256=file_sha256(weights),
            seconds=round(seconds, 2),
            epochs=epochs,
            device=place,
            versions=_versions(spec),
        )
        write_card(made, staging)
        _publish(staging, folder)
        checkpoint.remove()
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return made, adapter


def _publish(staging: Path, folder: Path) -> None:
    """Move a complete model into its folder, whole where nothing is there yet.

    Into a folder that exists the files go one by one, the card last: until it comes, the old card's checksum refuses
    the new weights.
    """
    staging.chmod(0o755)  # mkdtemp gives a private one
    try:
        staging.rename(folder)
    except OSError:
        folder.mkdir(exist_ok=True)
        for path in sorted(staging.iterdir(), key=lambda path: path.suffix == ".json"):
            os.replace(path, folder / path.name)


def _versions(spec: Recipe) -> dict[str, str]:
    libraries = ["torch"] if spec.kind in NETS else ["scikit-learn", "skops"]
    return {library: version(library) for library in ["potemkin-bench", "numpy", *libraries]}
