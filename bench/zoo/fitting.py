"""From a recipe and a dataset to a fitted model."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from adapters.base import Adapter
from bench.choices import Device, check_choice
from bench.datasets import Dataset
from bench.errors import UsageError
from bench.progress import Doing
from bench.training.checkpoint import Checkpoint
from bench.training.loop import HeldOut, fit
from bench.zoo.cards import LearningCurve
from bench.zoo.cookbook import Recipe
from bench.zoo.kinds import NETS, kind_class

BATCH = 1000
"""Examples asked at once."""


class Fitted(NamedTuple):
    """What `fit_model` gives."""

    model: Any
    """The network, on the CPU, or the estimator."""
    epochs: int | None = None
    """That a network's training took; None for estimators."""
    curve: LearningCurve | None = None
    """Where the recipe asks for it."""


def fit_model(dataset: Dataset, recipe: Recipe, doing: Doing, device: str, checkpoint: Checkpoint) -> Fitted:
    """The model that the recipe describes, fitted on the dataset's training split.

    Networks are trained on the device, from and to the checkpoint; `doing` is told after every epoch.
    """
    indices = training_indices(dataset, recipe)
    x = dataset.examples("train", indices).reshape(len(indices), -1)
    y = dataset.labels("train")[indices]
    if recipe.kind not in NETS:
        return Fitted(_fit_estimator(recipe, x, y))
    if recipe.training is None:
        raise ValueError(f"the recipe of a {recipe.kind} says nothing of its training")
    build = partial(kind_class(recipe.kind), x.shape[1], len(dataset.classes), **recipe.parameters)
    at = partial(torch.tensor, device=device)
    test = None
    if recipe.curve is not None:  # measured on the whole test split
        shown = dataset.examples("test", slice(None)).reshape(dataset.sizes["test"], -1)
        test = HeldOut(at(shown), at(dataset.labels("test")), recipe.curve)
    trained = fit(build, at(x), at(y), recipe.training, recipe.seed, doing, checkpoint, test)
    clean, adversarial = (tuple(errors[place] for errors in trained.curve) for place in (0, 1))
    curve = LearningCurve(clean=clean, adversarial=adversarial) if recipe.curve else None
    return Fitted(trained.net.cpu(), trained.epochs, curve)


def training_device(device: str) -> str:
    """`cpu` or `cuda`: `auto` is CUDA where there is a device. Raises UsageError where there is no such device."""
    check_choice("device", device, Device)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("device cuda: torch sees no CUDA device here; use cpu or auto")
    return device


def training_indices(dataset: Dataset, recipe: Recipe) -> NDArray[np.int64]:
    """Which training examples the recipe uses, in the dataset's order.

    The subset goes by raw random bits: those of a NumPy generator never change, while its `choice` may. Raises
    UsageError where it is larger than the training split.
    """
    size = dataset.sizes["train"]
    if recipe.subset != "all" and recipe.subset > size:
        raise UsageError(
            f"the recipe takes {recipe.subset} training examples, and dataset {dataset.name} has {size}; give all of it"
        )
    if recipe.subset == "all" and recipe.part is None:
        return np.arange(size)
    order = np.argsort(np.random.Philox(key=recipe.seed).random_raw(size), kind="stable")
    if recipe.part is not None:
        k, n = recipe.part
        return np.sort(order[k - 1 :: n])
    return np.sort(order[: recipe.subset])


def adapter_of(model: Any, recipe: Recipe, dataset: Dataset) -> Adapter:
    """The adapter of a model that `fit_model` made or a file gave, or of the members of an ensemble."""
    if recipe.members:
        from adapters.ensembles import ensemble

        return ensemble(model, rule="mean")
    if recipe.kind in NETS:
        from bench.zoo.adapter import NetAdapter

        return NetAdapter(model, dataset.features)
    from adapters.sklearn.table import compile_estimator

    return compile_estimator(model)


def clean_error(adapter: Adapter, dataset: Dataset) -> float:
    """Share of the test split that the model gets wrong."""
    truth = torch.tensor(dataset.labels("test"))
    wrong = 0
    for start in range(0, len(truth), BATCH):
        part = slice(start, start + BATCH)
        x = torch.from_numpy(dataset.examples("test", part)).to(adapter.device)
        wrong += int((adapter.predict(x).cpu() != truth[part]).sum())
    return wrong / len(truth)


def _fit_estimator(recipe: Recipe, x: NDArray[np.float32], y: NDArray[np.int64]) -> Any:
    kind = kind_class(recipe.kind)
    known = inspect.signature(kind).parameters
    parameters = recipe.parameters | ({"random_state": recipe.seed} if "random_state" in known else {})
    if "n_jobs" not in known:
        return kind(**parameters).fit(x, y)
    # All cores for the fit alone. Every tree has its own seed, drawn before the first one is grown, so that the number
    # of cores leaves no trace in a forest; in its predictions it would, as threads add their votes in any order.
    return kind(**parameters, n_jobs=-1).fit(x, y).set_params(n_jobs=None)
