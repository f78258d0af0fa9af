"""Recipes: how each reference model is made, as data, one file a dataset in `recipes/`."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt

from bench.errors import UsageError, unknown
from bench.strict_yaml import read_yaml

FOLDER = Path(__file__).with_name("recipes")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Training(_Part):
    """How a network's weights are found: stochastic gradient steps over shuffled batches."""

    optimiser: Literal["sgd", "adam"]
    rate: PositiveFloat
    """Learning rate of the first step."""
    decay: float = Field(default=1.0, ge=1.0)
    """The rate is divided by this after every step."""
    momentum: tuple[NonNegativeFloat, NonNegativeFloat] = (0.0, 0.0)
    """In the first epoch and in the last, in a straight line between; of `sgd` only."""
    epochs: PositiveInt
    batch: PositiveInt


class Recipe(_Part):
    """How a reference model is made: all that decides it, apart from the data and the libraries."""

    kind: str
    """Which network or estimator; see `bench.zoo.kinds`."""
    parameters: dict[str, Any] = {}
    """Of the network's or estimator's constructor."""
    training: Training | None = None
    """Of networks; estimators bring their own."""
    subset: PositiveInt | Literal["all"] = "all"
    """Number of training examples, drawn without replacement by `seed`."""
    seed: int = Field(ge=0)
    """Of the subset, the initial weights, the order of the data, and the estimator's `random_state`."""
    error_at_most: float = Field(gt=0, le=1)
    """Share of the test split that the model may get wrong; more says that something broke."""

    @property
    def hash(self) -> str:
        """SHA-256 of what decides the model, as canonical JSON, in 64 hex digits.

        Values at their default are left out, so that a field added later orphans no model.
        """
        decisive = self.model_dump(mode="json", exclude={"error_at_most"}, exclude_defaults=True)
        text = json.dumps(decisive, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def datasets() -> list[str]:
    """Datasets that have reference models."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def recipes(dataset: str) -> dict[str, Recipe]:
    """All recipes of a dataset, by model name, in the order of the file; none where the dataset has no file."""
    if dataset not in datasets():
        return {}
    path = FOLDER / f"{dataset}.yaml"
    document, _ = read_yaml(path.read_text(encoding="utf-8"), path.name)
    return {name: Recipe.model_validate(entry) for name, entry in document.items()}


def recipe(dataset: str, name: str) -> Recipe:
    """The recipe of one reference model.

    Raises:
        UsageError: the dataset has no reference models, or none of that name.
    """
    known = recipes(dataset)
    if not known:
        raise UsageError(f"dataset {dataset!r} has no reference models; those that do: {', '.join(datasets())}")
    if name not in known:
        raise unknown("model", name, known)
    return known[name]
