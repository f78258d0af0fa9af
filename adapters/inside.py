"""Looking into adapters: what checks ask of a model besides its answers, wherever it runs."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from adapters.aligned import Aligned
from adapters.base import Adapter
from adapters.ensembles import Ensemble
from adapters.remote import Kind, Remote


def parts(adapter: Adapter) -> Iterator[Adapter]:
    """The models that an adapter shows through a dataset's classes or puts together; itself where it does neither."""
    if isinstance(adapter, Remote):
        yield from adapter.parts()
    elif isinstance(adapter, Aligned):
        yield from parts(adapter.inner)
    elif isinstance(adapter, Ensemble):
        for member in adapter.members:
            yield from parts(member)
    else:
        yield adapter


def modules(thing: Any) -> Iterator[torch.nn.Module]:
    """The networks that an adapter of this process holds, in its parts and in lists and dictionaries too."""
    if isinstance(thing, torch.nn.Module):
        yield thing
    elif isinstance(thing, (list, tuple)):
        for item in thing:
            yield from modules(item)
    elif isinstance(thing, dict):
        yield from modules(list(thing.values()))
    elif isinstance(thing, Adapter):
        yield from modules(list(vars(thing).values()))


def classes_told_apart(adapter: Adapter) -> int | None:
    """Number of the dataset's classes that the model itself tells apart; None where it does not know fewer."""
    if isinstance(adapter, Remote):
        return adapter.told.told_apart
    return len(adapter.positions) if isinstance(adapter, Aligned) else None


def kind(adapter: Adapter) -> Kind:
    """What somebody gave to `wrap` or `black_box` for one model; `adapter` where it was an adapter of their own."""
    if isinstance(adapter, Remote):
        return adapter.told.kind
    homes = {base.__module__ for base in type(adapter).__mro__}  # the families of estimators are not imported for it
    if "adapters.compiled" in homes:
        return "estimator"
    if type(adapter).__module__ == "adapters.torch_module":
        return "network"
    return "function" if "adapters.function" in homes else "adapter"


def training_modules(adapter: Adapter) -> int:
    """Number of modules in training mode, in all networks that an adapter holds."""
    if isinstance(adapter, Remote):
        return adapter.told.training
    return sum(part.training for module in modules(adapter) for part in module.modules())


def has_own_code(adapter: Adapter) -> bool:
    """Whether `reference_predict` asks other code than `predict` does."""
    if isinstance(adapter, Remote):
        return adapter.told.own_code
    return any(type(part).reference_predict is not Adapter.reference_predict for part in parts(adapter))


def is_handed_classes(adapter: Adapter) -> bool:
    """Whether code that is not this project's or torch's runs where losses are asked for, with true classes in reach.

    An estimator is compiled: no code of its author's is handed any, unless the adapter's own was replaced.
    """
    if isinstance(adapter, Remote):
        return adapter.told.handed_classes
    return any(getattr(each, "foreign_code", True) for each in _held(adapter, set()))


def _held(thing: Any, known: set[int]) -> Iterator[Adapter]:
    """An adapter and all those that it asks, at whatever depth."""
    if id(thing) in known:
        return
    known.add(id(thing))
    if isinstance(thing, (list, tuple)):
        for item in thing:
            yield from _held(item, known)
    elif isinstance(thing, dict):
        yield from _held(list(thing.values()), known)
    elif isinstance(thing, Adapter):
        yield thing
        yield from _held(list(vars(thing).values()), known)


def in_float64(adapter: Adapter, x: Tensor) -> Adapter | None:
    """The model itself if it computes in the precision of its inputs, or a copy that does; None where neither works.

    `x` is an example that it takes.
    """
    if isinstance(adapter, Remote):
        return adapter.in_float64(x)
    try:
        twin = adapter
        if any(True for _ in modules(adapter)):
            twin = copy.deepcopy(adapter)
            for module in modules(twin):
                module.double()
        with torch.no_grad():
            return twin if twin.logits(x.double()).dtype == torch.float64 else None
    except Exception:  # noqa: BLE001 - what a float32-only model raises is its own affair
        return None
