"""Modules, and the names that functions load from them or import."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch._ops import OpOverload, OpOverloadPacket, _OpNamespace

from adapters.identity import code, libraries, outside
from adapters.identity.classes import of_users, sort_unless_read
from adapters.identity.walk import Walk, node, rule

PLACE = frozenset(
    {"__name__", "__file__", "__package__", "__spec__", "__loader__", "__doc__", "__builtins__", "__cached__"}
    | {"__path__", "__annotations__", "__annotate__", "__conditional_annotations__"}
)
"""What a module has that tells where it lies, and not what it does."""
ABSENT = object()
"""Stands for what is not there."""


def loaded(walk: Walk, content: Any, chain: code.Chain) -> bytes:
    """What a name and the attributes loaded from it lead to: through modules, but into no other thing."""
    place = chain[0]
    for name in chain[1:]:
        if isinstance(content, _OpNamespace):  # `torch.ops.mine.shift`
            content = getattr(content, name, ABSENT)
            continue
        if not isinstance(content, types.ModuleType):
            break
        owner, content, place = content, getattr(content, name, ABSENT), f"{place}.{name}"
        home = libraries.of_module(owner.__name__)
        if home is not None:
            outside.note(walk, owner.__name__, name, home)
            if _is_a_librarys(content, owner.__name__):
                return node("of a library", home, owner.__name__, name)
    return value_of(walk, content, place)


_PUT_THERE = (
    types.FunctionType,
    type,
    types.ModuleType,
    np.ndarray,
    Tensor,
    OpOverload,
    OpOverloadPacket,
    _OpNamespace,
    nn.Module,
)


def _is_a_librarys(content: Any, module: str) -> bool:
    """Whether a library's object is nothing but that: no function, class or value that somebody may have put there.

    An object of another package's class, such as a `Fraction` in `math`, tells what it is by itself.
    """
    kind = type(content)
    if isinstance(content, _PUT_THERE) or kind.__module__ == "builtins":
        return False
    same = kind.__module__.partition(".")[0].lstrip("_") == module.partition(".")[0].lstrip("_")
    return libraries.of_class(kind) is not None and (same or module == "sys")


def value_of(walk: Walk, content: Any, place: str) -> bytes:
    return node("absent") if content is ABSENT else walk.of(content, place)


def imported(walk: Walk, known: Mapping[str, Any], statement: code.Import) -> bytes:
    """What an import within a function leads to; of the user's modules all, or the names taken from them.

    What is not loaded yet is loaded, as the function itself is about to do: before its first call and after it, it is
    the same.
    """
    name = "." * statement.level + statement.module
    try:
        name = importlib.util.resolve_name(name, known.get("__package__") or None)
        module = sys.modules.get(name)
        if module is None:
            spec = importlib.util.find_spec(name)
            home = None if spec is None else libraries.of_file(name, spec.origin)
            if spec is None or (home is not None and not statement.names):
                outside.note(walk, name, "")
                of_library = node("import", node("module", str(home), name))
                return node("import", name, "not installed") if home is None else of_library
            module = importlib.import_module(name)
        for each in statement.names:
            _load_within(module, each)
    except ImportError as error:
        return node("import", name, f"not to be had: {error.name}")
    except Exception:  # noqa: BLE001 - whatever somebody's module raises
        return walk.cannot(statement, f"import {name}")
    if not statement.names:
        return node("import", walk.of(module, name))
    return node("import", *(loaded(walk, module, (name, each)) for each in statement.names if each != "*"))


def _load_within(module: types.ModuleType, name: str) -> None:
    """Load a module that is taken from its package by name, if that is what the name stands for."""
    if hasattr(module, "__path__") and not hasattr(module, name):
        full = f"{module.__name__}.{name}"
        if importlib.util.find_spec(full) is not None:
            importlib.import_module(full)


@rule(types.ModuleType)
@of_users
def module(walk: Walk, value: types.ModuleType) -> bytes:
    """A module that code loads as such, and not for a name in it, may be asked for any name."""
    home = libraries.of_module(value.__name__)
    if home is not None:
        outside.note(walk, value.__name__, "")
        if value is builtins:  # anybody may have put anything there
            return walk.cannot(value, "builtins, handed on as a whole")
        return node("module", home, value.__name__)
    named = ((name, part) for name, part in sort_unless_read(walk, vars(value)) if name not in PLACE)
    return node("module", *(node(name, walk.of(part, name)) for name, part in named))
