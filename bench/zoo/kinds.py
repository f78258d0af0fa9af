"""What a recipe's `kind` stands for. A new one is a line in `bench.registry`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from adapters.sklearn.table import TABLE
from bench import registry
from bench.errors import unknown

NETS = registry.targets("network")
"""Trained by `bench.training.loop`, kept as safetensors."""

SIGMOIDS = {"rbf-network", "maxout-sigmoid"}
"""Networks whose probabilities are no softmax of their logits."""

ENSEMBLE = "ensemble"
"""The mean probability of other models, which its recipe names."""

ESTIMATORS = registry.targets("estimator")
"""Fitted by scikit-learn, kept by skops."""


def kind_class(kind: str) -> Any:
    """The class of a kind, imported. Raises UsageError for an unknown one."""
    if kind not in {**NETS, **ESTIMATORS}:
        raise unknown("kind of model", kind, [*NETS, *ESTIMATORS])
    return registry.get("network" if kind in NETS else "estimator", kind)


def net_family(kind: str) -> str:
    """The family of a kind of network: the kind itself, in words."""
    return kind.replace("-", " ")


def family_and_gradient(kind: str, members: Iterable[str] = ()) -> tuple[str, str]:
    """What the adapters of a kind, or of an ensemble of such kinds, say of themselves, known without importing any."""
    if kind in NETS:
        return net_family(kind), "exact"
    if kind == ENSEMBLE:
        return kind, "exact" if set(members) <= NETS.keys() - SIGMOIDS else "surrogate"
    package, name = ESTIMATORS[kind].split(":")
    entry = next(entry for path, entry in TABLE.items() if path.startswith(f"{package}.") and path.endswith(f".{name}"))
    return entry.family, entry.gradient
