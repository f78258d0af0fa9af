"""What somebody put into a library in place of its own: it decides what the library's code does, and has no version.

What a library's class or module has of its own is told by the code that it was loaded from: a name that this defines as
a function and that leads to another, or to one with other defaults, was put there.
"""

from __future__ import annotations

import dis
import functools
import inspect
import sys
import types
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch

from adapters.identity import libraries
from adapters.identity.code import read
from adapters.identity.untouched import is_untouched
from adapters.identity.walk import Walk, node

_IDLE = frozenset({"CACHE", "EXTENDED_ARG", "NOP", "RESUME", "PRECALL", "SET_FUNCTION_ATTRIBUTE"})
_STORES = frozenset({"STORE_NAME", "STORE_GLOBAL"})
_UNKNOWN = object()
HEAP = 1 << 9
"""The flag of a class that Python code made, or whose attributes it may change."""
_NATIVE = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)
_CALLED = (
    types.FunctionType,
    functools.partial,
    functools.partialmethod,
    *_NATIVE,
    property,
    staticmethod,
    classmethod,
)


_VALUES = (bool, int, float, complex, str, tuple, list, dict, torch.Tensor, np.ndarray)


class Defined(NamedTuple):
    """A function as the code of its module defines it."""

    body: types.CodeType
    defaults: Any
    """Its defaults, where they are constants."""
    keywords: Any


def patches(walk: Walk, owner: type | types.ModuleType) -> list[bytes]:
    """What stands in a library's class or module in place of its own."""
    if is_untouched(owner, _is_anything_put_there):
        return []
    return [
        node(name, *_told(walk, value, f"{owner.__name__}.{name}"))
        for name, value in sorted(vars(owner).items())
        if _is_put_there(owner, name, value) or (walk.reading.names(name) and _is_value_put_there(owner, name, value))
    ]


def _is_anything_put_there(owner: type | types.ModuleType, name: str, value: Any) -> bool:
    return _is_put_there(owner, name, value) or _is_value_put_there(owner, name, value)


def _is_value_put_there(owner: type | types.ModuleType, name: str, value: Any) -> bool:
    """Whether a class has a value that its own code, where it is Python's, gives it no name for."""
    if not isinstance(owner, type) or not isinstance(value, _VALUES) or name.startswith("__"):
        return False
    module = "torch._tensor" if owner is torch.Tensor else owner.__module__
    known = _definitions(module, owner.__qualname__)
    return bool(known) and name not in known


def altered(value: Any) -> list[str]:
    """Names of the methods of a library's object in whose place somebody put others, in itself or in its classes."""
    kind = type(value)
    own = getattr(value, "__dict__", {})
    found = [name for name, part in own.items() if callable(part) and callable(getattr(kind, name, None))]
    for base in kind.__mro__:
        if (
            base.__flags__ & HEAP
            and libraries.of_class(base) is not None
            and not is_untouched(base, _is_anything_put_there)
        ):
            found += [name for name, part in vars(base).items() if _is_put_there(base, name, part)]
    return found


def defaults(walk: Walk, value: types.FunctionType) -> list[bytes]:
    """The defaults of a library's function, where somebody gave it others."""
    owner, _, name = value.__qualname__.rpartition(".")
    known = _definitions(str(value.__globals__.get("__name__")), owner).get(name, ())
    if not any(each.body.co_qualname == value.__code__.co_qualname for each in known):
        return []
    return [] if _is_one_of(value, known) else _told(walk, value, value.__name__)


def _told(walk: Walk, value: Any, place: str) -> list[bytes]:
    found = [walk.of(value, place)]
    if isinstance(value, types.FunctionType) and libraries.of_module(str(value.__globals__.get("__name__"))):
        defaults = (walk.of(value.__defaults__, place), walk.of(value.__kwdefaults__, place))
        found += [read(value.__code__).digest, *defaults]
    return found


def _is_put_there(owner: type | types.ModuleType, name: str, value: Any) -> bool:
    if isinstance(value, types.FunctionType) and libraries.is_users(value):
        return True
    module, within = (owner.__module__, owner.__qualname__) if isinstance(owner, type) else (owner.__name__, "")
    module = "torch._tensor" if owner is torch.Tensor else module
    if name.startswith("__") and name != "__call__":  # what makes classes puts some of its own there
        return False
    # Python's own modules define in Python what they then have from C.
    known = _definitions(module, within).get(name) if libraries.of_module(module) != "python" else []
    if known:
        value = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
        return not (isinstance(value, types.FunctionType) and _is_one_of(value, known))
    if known is None and owner is torch.Tensor:  # what it does not define it has from a class of C
        return isinstance(value, _CALLED) and hasattr(torch._C.TensorBase, name)
    native = getattr(torch._C._VariableFunctions, name, None) if owner is torch and known is None else None
    if native is not None:
        return native is not value and getattr(value, "__name__", "") != name
    return _is_users_callable(value)


def _is_users_callable(value: Any) -> bool:
    kind = type(value)
    if isinstance(value, (functools.partial, functools.partialmethod)):
        return kind.__module__ == "functools" and _is_users_function(value.func)
    if isinstance(value, type) or not (callable(value) or hasattr(kind, "__get__")):
        return False
    return libraries.of_class(kind) is None and not kind.__module__.startswith(("_cython", "pybind11"))


def _is_users_function(value: Any) -> bool:
    return isinstance(value, types.FunctionType) and libraries.is_users(value)


def _is_one_of(value: types.FunctionType, known: Sequence[Defined]) -> bool:
    value = inspect.unwrap(value)
    return any(
        value.__code__.co_qualname == each.body.co_qualname
        and value.__code__.co_firstlineno == each.body.co_firstlineno
        and each.defaults in (_UNKNOWN, value.__defaults__)
        and each.keywords in (_UNKNOWN, value.__kwdefaults__)
        for each in known
    )


@cache
def _definitions(module: str, within: str) -> dict[str, list[Defined]]:
    """The functions that a module, or a class in it, defines by name; none for a name that it binds in another way."""
    found: dict[str, list[Defined]] = {}
    other = set()
    for body in _bodies(module, within):
        instructions = [each for each in dis.get_instructions(body) if each.opname not in _IDLE]
        for place, each in enumerate(instructions):
            if each.opname in _STORES:
                maker = instructions[place - 1]
                made = _defined(instructions[: place - 1], maker) if maker.opname == "MAKE_FUNCTION" else None
                if made:
                    found.setdefault(str(each.argval), []).append(made)
                else:
                    other.add(str(each.argval))
    return found | {name: [] for name in other}


def _bodies(module: str, within: str) -> Iterator[types.CodeType]:
    """The code of a module, or of a class in it."""
    waiting = [body] if (body := _code_of(module)) is not None else []
    while waiting:
        body = waiting.pop()
        if (body.co_qualname == within) if within else (body.co_name == "<module>"):
            yield body
        waiting += [const for const in body.co_consts if isinstance(const, types.CodeType)]


@cache
def _code_of(module: str) -> types.CodeType | None:
    try:
        spec = sys.modules[module].__spec__
        found: types.CodeType | None = spec.loader.get_code(module)  # type: ignore[union-attr]
    except Exception:  # noqa: BLE001 - a module of no Python code, or made in another way
        return None
    return found


def _defined(before: Sequence[dis.Instruction], maker: dis.Instruction) -> Defined | None:
    """A function from the instructions that end with the loading of its code."""
    body = before[-1].argval if before else None
    if not isinstance(body, types.CodeType) or body.co_name == "<lambda>":
        return None
    flags = int(maker.arg or 0)
    count = flags.bit_count()
    parts = list[Sequence[dis.Instruction]]()
    end = len(before) - 1
    while len(parts) < count:
        start = end
        left = 0
        while start > 0 and left < 1:  # each part leaves one value
            start -= 1
            left += dis.stack_effect(before[start].opcode, _argument(before[start]))
        parts.insert(0, before[start:end])
        end = start
    given = dict(zip([bit for bit in (1, 2, 4, 8) if flags & bit], parts, strict=True))
    return Defined(body, _constants(given.get(1)), _constants(given.get(2)))


def _argument(each: dis.Instruction) -> int | None:
    return each.arg if each.opcode >= dis.HAVE_ARGUMENT else None


def _constants(part: Sequence[dis.Instruction] | None) -> Any:
    """The defaults that some instructions leave, where these are constants."""
    if part is None:
        return None
    if any(each.opcode not in dis.hasconst for each in part[:-1]):
        return _UNKNOWN
    if len(part) == 1 and isinstance(part[0].argval, tuple):
        return part[0].argval
    if part[-1].opname == "BUILD_CONST_KEY_MAP":
        return dict(zip(part[-2].argval, (each.argval for each in part[:-2]), strict=True))
    return _UNKNOWN
