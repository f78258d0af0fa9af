"""What there is to choose from, as plain entries for lists. Loads no torch."""

from __future__ import annotations

from typing import Any

from adapters.registry import registered
from adapters.sklearn.table import SEARCHES, TABLE
from bench import attacks as attack_table
from bench import datasets as dataset_table
from bench import zoo
from bench.errors import UsageError
from bench.planning import suite as suite_files
from bench.zoo.kinds import family_and_gradient


def suites() -> list[dict[str, Any]]:
    """Suites that ship with the program."""
    loaded = [suite_files.load_suite(name) for name in suite_files.names()]
    return [
        {
            "name": suite.suite,
            "version": suite.version,
            "dataset": suite.dataset.name,
            "models": len(suite.models),
            "attacks": list(dict.fromkeys(entry.attack for entry in suite.attacks)),
            "summary": suite.summary,
        }
        for suite in loaded
    ]


def models() -> list[dict[str, Any]]:
    """Reference models by dataset, and the models that installed packages register."""
    found: list[dict[str, Any]] = []
    for dataset in dataset_table.names():
        for name in zoo.names(dataset):
            card = zoo.card(dataset, name)
            recipe = zoo.recipe(dataset, name)
            family, gradient = family_and_gradient(recipe.kind, [member.kind for member in recipe.members.values()])
            found.append(
                {
                    "name": name,
                    "dataset": dataset,
                    "family": family,
                    "gradient": gradient,
                    "confidence": card.confidence_kind if card else None,
                    "clean_error": round(card.clean_error, 4) if card else None,
                    "state": "ready" if card else "made on first use",
                }
            )
    blank = dict.fromkeys(("family", "gradient", "confidence", "clean_error"))
    found += [
        {"name": offer.name, "dataset": offer.dataset or "any", **blank, "state": "registered"}
        for offer in registered().values()
    ]
    return found


def families() -> list[dict[str, Any]]:
    """Families of compiled estimators, each once for every kind of gradient, with their classes."""
    groups: dict[tuple[str, str], list[str]] = {}
    for path, entry in TABLE.items():
        library, name = path.split(".")[0], path.rpartition(".")[2]
        groups.setdefault((entry.family, entry.gradient), []).append(
            name if library == "sklearn" else f"{library}.{name}"
        )
    groups["as its best estimator", "as its best estimator"] = [path.rpartition(".")[2] for path in SEARCHES]
    return [
        {"name": family, "gradient": gradient, "estimators": estimators}
        for (family, gradient), estimators in groups.items()
    ]


def attacks() -> list[dict[str, Any]]:
    """Attacks with their parameters and defaults."""
    found: list[dict[str, Any]] = []
    for name in attack_table.TABLE:
        kind = attack_table.attack_class(name)
        found.append(
            {
                "name": name,
                "needs": kind.needs,
                "norms": list(kind.norms),
                "parameters": [f"{key}={field.default}" for key, field in kind.model_fields.items()],
                "summary": kind.summary,
            }
        )
    return found


def datasets() -> list[dict[str, Any]]:
    """Datasets; those read from a folder know their shape only once opened."""
    found: list[dict[str, Any]] = []
    for name in dataset_table.names():
        try:
            data = dataset_table.open_dataset(name)
        except UsageError:  # it needs a path
            found.append(
                {"name": name, "shape": None, "classes": None, "sizes": None, "source": "your folder: path: ..."}
            )
            continue
        found.append(
            {
                "name": name,
                "shape": list(data.input_shape),
                "classes": len(data.classes),
                "sizes": [f"{split} {size}" for split, size in data.sizes.items()],
                "source": data.source,
            }
        )
    return found
