"""Functions: their code, closures, defaults, and the globals that they load; of a library's, the name."""

from __future__ import annotations

import builtins
import functools
import operator
import sys
import types
from typing import Any

import numpy as np

from adapters.identity import code, libraries, outside
from adapters.identity.classes import kind_of, of_users
from adapters.identity.marks import MARKS
from adapters.identity.modules import ABSENT, PLACE, imported, loaded, value_of
from adapters.identity.patched import defaults
from adapters.identity.walk import Walk, node, rule

_WRAPPED = frozenset({"__wrapped__", "__doc__", "__module__", "__name__", "__qualname__", "__annotations__"})
"""What `functools.wraps` notes down of a function: it counts where code names it."""
_SAID = ("__annotations__", "__doc__", "__name__", "__qualname__")
"""What a function says of itself."""


@rule(types.FunctionType)
def function(walk: Walk, value: types.FunctionType) -> bytes:
    module = value.__globals__.get("__name__")
    home = libraries.of_code(value.__code__, module)
    compiled = vars(value).get("_torchdynamo_orig_callable")  # which `functools.wraps` copies to others
    if compiled is not None and home is not None:  # torch.compile computes the same
        return node("compiled", walk.of(compiled))
    if home is not None:
        return node("function of a library", *_of_library(walk, value, home, str(module)))
    walk.foreign = True
    return node("function", read(walk, value.__code__), *_called_with(walk, value), _globals(walk, value))


def _of_library(walk: Walk, value: types.FunctionType, home: str, module: str) -> list[bytes | str]:
    """A function that a library made by another function is told by its closure, too: a decorated one of the user's."""
    name = value.__code__.co_qualname
    outside.note(walk, module, name, home)
    if " " in home:  # of no known package: it may be handed a network
        walk.reading.add(code.read(value.__code__).attributes - MARKS)
    parts: list[bytes | str] = [home, module, name, *defaults(walk, value)]
    if "<lambda>" in name:
        parts.append(read(walk, value.__code__))
    if "<locals>" in name or "<lambda>" in name or value.__closure__:
        parts.extend(_called_with(walk, value))
    return parts


def read(walk: Walk, body: types.CodeType) -> bytes:
    """The digest of a code object, whose names are taken down."""
    found = code.read(body)
    walk.reading.add(found.attributes)
    outside.note_attributes(walk, found.attributes)
    return found.digest


def _called_with(walk: Walk, value: types.FunctionType) -> list[bytes]:
    """Closure, defaults and attributes."""
    parts = [walk.of(value.__defaults__, "defaults"), walk.of(value.__kwdefaults__, "defaults")]
    chains = {chain[0]: [] for chain in code.read(value.__code__).cells}  # type: dict[str, list[code.Chain]]
    for chain in code.read(value.__code__).cells:
        chains[chain[0]].append(chain)
    for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
        try:
            content = cell.cell_contents
        except ValueError:
            content = ABSENT
        if isinstance(content, types.ModuleType):
            parts.extend(loaded(walk, content, chain) for chain in chains.get(name, [(name,)]))
        elif name == "__class__" and isinstance(content, type):
            parts.append(kind_of(walk, content, name))
        else:
            parts.append(node(name, value_of(walk, content, name)))
    for name, attribute in sorted(vars(value).items()):
        if walk.reading.names(name) or (walk.reading.has(name) and name not in _WRAPPED):
            parts.append(node(name, walk.of(attribute, name)))
    parts.extend(node(name, walk.of(getattr(value, name), name)) for name in _SAID if walk.reading.names(name))
    return parts


def _globals(walk: Walk, value: types.FunctionType) -> bytes:
    """What a function of the user's loads by name, now."""
    found = code.read(value.__code__)
    parts = []
    for chain in found.globals:
        name = chain[0]
        if name in PLACE:
            outside.note_attributes(walk, chain)
            continue
        content = value.__globals__.get(name, getattr(builtins, name, ABSENT))
        parts.append(node(".".join(chain), loaded(walk, content, chain)))
    parts.extend(imported(walk, value.__globals__, each) for each in found.imports)
    for chain in found.within:  # the import counts; what is asked of a library's module may ask the outside world
        if len(chain) > 1 and chain[0] in sys.modules and libraries.of_module(chain[0]) is not None:
            loaded(walk, sys.modules[chain[0]], chain)
    return node("globals", *parts)


@rule(types.MethodType)
def method(walk: Walk, value: types.MethodType) -> bytes:
    return node("method", walk.of(value.__func__, value.__name__), walk.of(value.__self__))


@rule(types.BuiltinFunctionType, types.MethodWrapperType)
def builtin(walk: Walk, value: Any) -> bytes:
    owner = value.__self__
    walk.reading.add([value.__name__])  # `getattr` may be handed on
    if owner is None or isinstance(owner, types.ModuleType):
        name = value.__module__ or getattr(owner, "__name__", "")
        return named(walk, value, name, value.__qualname__)
    if isinstance(owner, type):
        return node("builtin", kind_of(walk, owner), value.__name__)
    home = libraries.of_class(type(owner))
    if home is not None and type(owner).__name__ == "PyCapsule":  # functions of pybind11
        return named(walk, value, str(value.__module__), value.__name__)
    return node("builtin", value.__name__, walk.of(owner))


@rule(types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)
@rule(types.GetSetDescriptorType, types.MemberDescriptorType)
def descriptor(walk: Walk, value: Any) -> bytes:
    owner = value.__objclass__
    if isinstance(value, types.MemberDescriptorType) and vars(owner).get(value.__name__) is not value:
        return walk.cannot(value, f"{owner.__name__}.{value.__name__}, a slot that another name leads to")
    if isinstance(value, types.MemberDescriptorType) or libraries.of_class(owner) is not None:
        return node("descriptor", owner.__name__, value.__name__)
    return node("descriptor", value.__name__) if value.__name__ in ("__dict__", "__weakref__") else walk.cannot(value)


def named(walk: Walk, value: Any, module: str, name: str) -> bytes:
    """A function of no Python code is its library's, by name."""
    home = libraries.of_module(module)
    if home is None:
        return walk.cannot(value, f"{module}.{name}, a function of no Python code")
    outside.note(walk, module, name, home)
    return node("builtin", home, module, name)


@rule(np.ufunc)
def ufunc(walk: Walk, value: np.ufunc) -> bytes:
    name = value.__name__
    for home in ("numpy", "scipy.special"):
        if getattr(sys.modules.get(home), name, None) is value:
            return node("ufunc", str(libraries.of_module(home)), name)
    return walk.cannot(value, f"{name}, a ufunc of no library")


@rule(staticmethod, classmethod)
@of_users
def bound_late(walk: Walk, value: Any) -> bytes:
    return node(type(value).__name__, walk.of(value.__func__))


@rule(property)
@of_users
def accessor(walk: Walk, value: property) -> bytes:
    return node("property", walk.of(value.fget), walk.of(value.fset), *([walk.of(value.fdel)] if value.fdel else []))


@rule(functools.cached_property)
@of_users
def cached(walk: Walk, value: functools.cached_property[Any]) -> bytes:
    return node("cached property", walk.of(value.func))


@rule(type(functools.lru_cache(lambda: None)))
@of_users
def remembered(walk: Walk, value: Any) -> bytes:
    return node("lru_cache", walk.of(value.__wrapped__))


@rule(functools.partial, functools.partialmethod)
def partial(walk: Walk, value: Any) -> bytes:
    kind = b"" if type(value) in (functools.partial, functools.partialmethod) else kind_of(walk, type(value))
    parts = (walk.of(value.func, "func"), walk.of(value.args, "args"), walk.of(value.keywords, "keywords"))
    return node("partial", kind, *parts, walk.of(vars(value), ""))


@rule(operator.attrgetter, operator.methodcaller)
@of_users
def getter(walk: Walk, value: Any) -> bytes:
    """What loads attributes by the names that it was made with."""
    made, arguments, *_ = value.__reduce__()
    walk.reading.add(name for each in arguments if isinstance(each, str) for name in each.split("."))
    return node("getter", walk.of(made), walk.of(arguments))


@rule(types.CodeType)
def compiled(walk: Walk, value: types.CodeType) -> bytes:
    walk.foreign = True
    return node("code", read(walk, value))


@rule(types.CellType)
def cell(walk: Walk, value: types.CellType) -> bytes:
    try:
        return node("cell", walk.of(value.cell_contents))
    except ValueError:
        return node("empty cell")
