"""Libraries' classes and modules in which nobody has put anything, remembered and so not looked through again.

Torch alone has some thousands of names. Whether something else stands at one of them follows from which objects stand
there, and, of functions, from their code and defaults; whatever a comparison of these cannot tell is asked anew.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from operator import attrgetter, is_
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch

Owner = type | types.ModuleType
Asked = Callable[[Owner, str, Any], bool]
"""Whether something was put at a name of a class or module."""

_FIXED = (
    *(types.NoneType, bool, int, float, complex, str, bytes, tuple, list, dict, set, frozenset, property),
    *(types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType),
    *(types.GetSetDescriptorType, types.MemberDescriptorType, types.ClassMethodDescriptorType),
    *(torch.dtype, torch.layout, torch.memory_format),
)
"""Exact types of which nothing can be changed that the question looks at."""
_NATIVE = torch._C._VariableFunctions
"""What a class in the place of one of these is told by is its name, which may change; otherwise which class it is."""
_PARTS = tuple(map(attrgetter, ("__code__", "__defaults__", "__kwdefaults__")))
_attributes = attrgetter("__dict__")


class Untouched(NamedTuple):
    """What a class or module held when nothing in it was anybody else's."""

    names: list[str]
    values: list[Any]
    functions: list[types.FunctionType]
    """Those among the values, and within its static and class methods."""
    parts: tuple[list[Any], ...]
    """Their code and defaults."""
    modules: list[types.ModuleType]
    """Which may be made ones of another class."""
    rest: list[tuple[str, Any]]
    """What is asked about each time."""


_known: WeakKeyDictionary[Owner, Untouched] = WeakKeyDictionary()


def is_untouched(owner: Owner, asked: Asked) -> bool:
    """Whether nothing in a library's class or module was put there; `asked` says so of one name."""
    known = _known.get(owner)
    if known is not None and _is_as_it_was(owner, known):
        return not any(asked(owner, *item) for item in known.rest)
    if any(asked(owner, *item) for item in vars(owner).items()):
        return False
    _known[owner] = _remembered(owner)
    return True


def _is_as_it_was(owner: Owner, known: Untouched) -> bool:
    now = vars(owner)
    return (
        len(now) == len(known.names)
        and _are(now.values(), known.values)
        and list(now) == known.names
        and all(_are(map(part, known.functions), were) for part, were in zip(_PARTS, known.parts, strict=True))
        and not any(map(_attributes, known.functions))  # such as what one is unwrapped to
        and {types.ModuleType}.issuperset(map(type, known.modules))
    )


def _are(now: Iterable[Any], were: Iterable[Any]) -> bool:
    return all(map(is_, now, were))


def _remembered(owner: Owner) -> Untouched:
    functions, modules, rest = list[types.FunctionType](), list[types.ModuleType](), list[tuple[str, Any]]()
    for name, value in vars(owner).items():
        inner = value.__func__ if type(value) in (staticmethod, classmethod) else value
        if type(inner) is types.FunctionType and not inner.__dict__ and inner.__kwdefaults__ is None:
            functions.append(inner)
        elif type(value) is types.ModuleType:
            modules.append(value)
        elif type(value) not in _FIXED and not (isinstance(value, type) and not hasattr(_NATIVE, name)):
            rest.append((name, value))
    parts = tuple(list(map(part, functions)) for part in _PARTS)
    return Untouched(list(vars(owner)), list(vars(owner).values()), functions, parts, modules, rest)
