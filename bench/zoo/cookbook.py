"""Recipes: how each reference model is made, as data, one file a dataset in `recipes/`."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from bench.choices import Budget
from bench.errors import UsageError, unknown
from bench.strict_yaml import read_yaml
from bench.training.spec import OwnFGSM, Training
from bench.zoo.kinds import ENSEMBLE

FOLDER = Path(__file__).with_name("recipes")


class Recipe(BaseModel):
    """How a reference model is made: all that decides it, apart from the data and the libraries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    """Which network or estimator; see `bench.zoo.kinds`."""
    parameters: dict[str, Any] = {}
    """Of the network's or estimator's constructor."""
    training: Training | None = None
    """Of networks; estimators bring their own."""
    published: str | None = None
    """Of weights that others trained and published, where they come from; they ship, and nothing here makes them."""
    members: dict[str, Recipe] = {}
    """Of an ensemble: the models whose mean probability it gives, by name."""
    curve: OwnFGSM | None = None
    """The attack of a network's learning curve: after every epoch its errors on the test split are written down."""
    subset: PositiveInt | Literal["all"] = "all"
    """Number of training examples, drawn without replacement by `seed`."""
    part: tuple[PositiveInt, PositiveInt] | None = None
    """`(k, n)`: the k-th of n disjoint parts of the training examples, drawn by `seed`; in place of a subset."""
    seed: int = Field(ge=0)
    """Of the subset or part, the initial weights, the order of the data, and the estimator's `random_state`."""
    error_at_most: float = Field(gt=0, le=1)
    """Share of the test split that the model may get wrong; more says that something broke."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if (self.kind == ENSEMBLE) != bool(self.members):
            raise ValueError(f"members go with kind {ENSEMBLE}, and it needs some; not with {self.kind}")
        if self.part is not None and self.subset != "all":
            raise ValueError("subset and part: a recipe has one or the other")
        if self.part is not None and self.part[0] > self.part[1]:
            raise ValueError(f"part {self.part[0]} of {self.part[1]}: there are no more than {self.part[1]}")
        return self

    @property
    def effort(self) -> str:
        """Epochs and examples of the fit, such as `5 epochs of 10000 examples`."""
        if self.members:
            efforts = dict.fromkeys(member.effort for member in self.members.values())
            return f"{len(self.members)} members of {' and '.join(efforts)}"
        examples = f"{self.subset} examples" if self.part is None else "part {} of {}".format(*self.part)
        if self.published is not None:
            return f"published by {self.published}"
        if self.training is None:
            return examples
        return f"{self.training.epochs} epoch{'s' * (self.training.epochs > 1)} of {examples}"

    @property
    def hash(self) -> str:
        """SHA-256 of what decides the model, as canonical JSON, in 64 hex digits.

        Values at their default are left out, so that a field added later orphans no model.
        """
        decisive = self.model_dump(mode="json", exclude={"error_at_most", "curve", "members"}, exclude_defaults=True)
        if self.members:
            decisive["members"] = {name: member.hash for name, member in self.members.items()}
        text = json.dumps(decisive, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def datasets() -> list[str]:
    """Datasets that have reference models."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def recipes(dataset: str, budget: Budget = "full") -> dict[str, Recipe]:
    """All recipes of a dataset, by model name, in the order of the file; none where the dataset has no file.

    An entry may say `like` which earlier one it changes, and `quick` what the quick budget changes in it. With `seeds`
    it stands for as many training runs, each named after the entry and its seed; with `members` for an ensemble of
    earlier models.
    """
    if dataset not in datasets():
        return {}
    path = FOLDER / f"{dataset}.yaml"
    document, _ = read_yaml(path.read_text(encoding="utf-8"), path.name)
    entries: dict[str, dict[str, Any]] = {}
    found: dict[str, Recipe] = {}
    for name, entry in document.items():
        like, quick, seeds = entry.pop("like", None), entry.pop("quick", {}), entry.pop("seeds", None)
        entries[name] = entry if like is None else _changed(entries[like], entry)
        made = _changed(entries[name], quick) if budget == "quick" else entries[name]
        if "members" in made:
            made = made | {"members": {member: found[member] for member in made["members"]}}
        runs = {name: made} if seeds is None else {f"{name}-{seed}": made | {"seed": seed} for seed in seeds}
        found |= {run: Recipe.model_validate(spec) for run, spec in runs.items()}
    return found


def recipe(dataset: str, name: str, budget: Budget = "full") -> Recipe:
    """The recipe of one reference model. Raises UsageError where the dataset has none, or none of that name."""
    known = recipes(dataset, budget)
    if not known:
        raise UsageError(f"dataset {dataset!r} has no reference models; those that do: {', '.join(datasets())}")
    if name not in known:
        raise unknown("model", name, known)
    return known[name]


def _changed(entry: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The entry with other values, key by key at every depth."""
    changed = dict(entry)
    for key, value in changes.items():
        old = entry.get(key)
        changed[key] = _changed(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return changed
