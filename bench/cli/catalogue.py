"""What there is to choose from, as plain entries for lists. Loads no torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from adapters.registry import registered
from adapters.sklearn.table import SEARCHES, TABLE
from bench import datasets as dataset_table
from bench import registry, zoo
from bench.attacks import attack_class
from bench.planning.suite import Suite, load_suite
from bench.running.asked_suite import kept
from bench.running.shelf import Shelf
from bench.zoo.kinds import family_and_gradient


def suites() -> list[dict[str, Any]]:
    """Suites that ship with the program."""
    return [_suite(suite, own=False) for suite in registry.each("suite", load_suite)]


def own_suites(out: Path, warn: Callable[[str], None]) -> list[dict[str, Any]]:
    """Those of users' own whose text ./results or the out folder keeps, which go by their names there."""
    return [_suite(suite, own=True) for suite in kept(Shelf(out), warn)]


def _suite(suite: Suite, *, own: bool) -> dict[str, Any]:
    return {
        "name": suite.suite,
        "version": suite.version,
        "dataset": suite.dataset.name,
        "models": len(suite.models),
        "attacks": list(dict.fromkeys(entry.attack for entry in suite.attacks)),
        "summary": suite.summary,
        "own": own,
    }


def models() -> list[dict[str, Any]]:
    """Reference models by dataset, those of the paper's suites and of none at the end, and registered ones first."""
    found = [_reference(dataset, name) for dataset in dataset_table.names() for name in zoo.names(dataset)]
    blank = dict.fromkeys(("family", "gradient", "confidence", "clean_error"))
    offers = registered().values()
    own = [{"name": o.name, "dataset": o.dataset or "any", **blank, "state": "registered"} for o in offers]
    return own + sorted(found, key=lambda entry: not is_first(entry))


def is_first(entry: dict[str, Any]) -> bool:
    """Whether a model is registered by somebody, or one of a suite that is not of the paper's numbers."""
    return entry["state"] == "registered" or (entry["dataset"], entry["name"]) in _of_suites()


@cache
def _of_suites() -> frozenset[tuple[str, str]]:
    found = [suite for suite in registry.each("suite", load_suite) if suite.board != "paper"]
    return frozenset((suite.dataset.name, name) for suite in found for name in suite.models)


def _reference(dataset: str, name: str) -> dict[str, Any]:
    card, recipe = zoo.card(dataset, name), zoo.recipe(dataset, name)
    family, gradient = family_and_gradient(recipe.kind, [member.kind for member in recipe.members.values()])
    return {
        "name": name,
        "dataset": dataset,
        "family": family,
        "gradient": gradient,
        "confidence": card and card.confidence_kind,
        "clean_error": card and round(card.clean_error, 4),
        "state": "ready" if card else "made on first use",
    }


def families() -> list[dict[str, Any]]:
    """Families of compiled estimators, each once for every kind of gradient, with their classes."""
    groups: dict[tuple[str, str], list[str]] = {}
    for path, entry in TABLE.items():
        library, name = path.split(".")[0], path.rpartition(".")[2]
        name = name if library == "sklearn" else f"{library}.{name}"
        groups.setdefault((entry.family, entry.gradient), []).append(name)
    groups["as its best estimator", "as its best estimator"] = [path.rpartition(".")[2] for path in SEARCHES]
    return [{"name": name, "gradient": gradient, "estimators": classes} for (name, gradient), classes in groups.items()]


def attacks() -> list[dict[str, Any]]:
    """Attacks with their parameters and defaults."""
    return [
        {
            "name": kind.name,
            "needs": kind.needs,
            "norms": list(kind.norms),
            "parameters": [f"{key}={field.default}" for key, field in kind.model_fields.items()],
            "summary": kind.summary,
        }
        for kind in registry.each("attack", attack_class)
    ]


def datasets() -> list[dict[str, Any]]:
    """Datasets; those read from a folder know their shape only once opened."""
    return list(registry.each("dataset", _dataset))


def _dataset(name: str) -> dict[str, Any]:
    if any(dataset_table.options_of(name).values()):
        return {"name": name, "shape": None, "classes": None, "sizes": None, "source": "your folder: path: ..."}
    data = dataset_table.open_dataset(name)
    return {
        "name": name,
        "shape": list(data.input_shape),
        "classes": len(data.classes),
        "sizes": [f"{split} {size}" for split, size in data.sizes.items()],
        "source": data.source,
    }
