"""Classes, and the attributes of their instances: which of them decide anything."""

from __future__ import annotations

import abc
import contextlib
import enum
import functools
import inspect
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from adapters.identity import libraries, outside
from adapters.identity.marks import COPYING, HELD, MAKES, SHOWS, SHOWS_SELF, hands_on
from adapters.identity.patched import HEAP, patches
from adapters.identity.reading import IN_ORDER
from adapters.identity.unordered import whatever_order
from adapters.identity.walk import Rule, Walk, node, rule

CONSTRUCTION = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__"})
"""What makes an instance. Of one that is there, its attributes tell."""
TEXTS = frozenset({"__repr__", "__str__", "__format__", "extra_repr", "_get_name"})
"""What shows an instance as text."""
COPIES = frozenset(
    {"__getstate__", "__setstate__", "__reduce__", "__reduce_ex__", "__copy__", "__deepcopy__", "__getnewargs__"}
    | {"__getnewargs_ex__"}
)
"""What copies an instance."""
SHOWN = TEXTS | COPIES | {"__dir__", "__sizeof__", "__del__"}
"""What shows, copies or ends an instance."""
_ASKED_BY = {
    **dict.fromkeys(TEXTS, frozenset({SHOWS, "format", "format_map"})),
    **dict.fromkeys(COPIES, frozenset({COPYING})),
    "__sizeof__": frozenset({"getsizeof"}),
}
"""Who calls them that does not name them."""
BOOKKEEPING = frozenset(
    {"__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__slots__", "__slotnames__"}
    | {"__annotations__", "__annotate__", "__annotate_func__", "__annotations_cache__", "__firstlineno__"}
    | {"__static_attributes__", "__abstractmethods__", "__orig_bases__", "__parameters__", "__dataclass_params__"}
    | {"_abc_impl", "__type_params__", "__classdictcell__"}
)
"""What Python notes down of a class."""
_READ = frozenset({"__doc__", "__annotations__"})
"""What of it says the same of the same class anywhere, and counts where code names it."""
_NOTED: tuple[tuple[type, frozenset[str]], ...] = (
    (
        enum.EnumType,
        frozenset({"_value2member_map_", "_unhashable_values_", "_hashable_values_", "_member_map_", "_member_names_"})
        | {"_new_member_", "_use_args_", "_generate_next_value_", "_member_type_", "_value_repr_"},
    ),
    (torch.autograd.function.FunctionMeta, frozenset({"_backward_cls"})),
    (abc.ABCMeta, frozenset({"_abc_impl"})),
)
"""What those who make classes note down of one, by their own classes."""
_OF_WRAPPERS = frozenset(
    {"__wrapped__", "__doc__", "__module__", "__name__", "__qualname__", "__annotations__", "__isabstractmethod__"}
    | {"__annotate__"}
)
"""What descriptors note down of the function that they are made of, which is told itself."""
_OF_CACHED = _OF_WRAPPERS | {"func", "attrname", "lock"}
_SEEN_THROUGH: set[type] = {nn.Module}
"""Classes of libraries whose code asks the instances of classes derived from them for no attribute that it has not."""


def see_through(kind: type) -> type:
    """Let an attribute of the users' classes derived from this one count only where some code met loads it."""
    _SEEN_THROUGH.add(kind)
    return kind


def kind_of(walk: Walk, kind: type, place: str = "") -> bytes:
    """The digest of a class of which there is an instance: of all but what makes and shows instances."""
    return walk.by(_as_type, kind, place, mode="type")


@rule(type)
def as_value(walk: Walk, kind: type) -> bytes:
    """A class that code can call: of all but what shows instances."""
    return node("class", _class(walk, kind, made=True))


def _as_type(walk: Walk, kind: type) -> bytes:
    return node("type", _class(walk, kind, made=False))


def _class(walk: Walk, kind: type, *, made: bool) -> bytes:
    home = libraries.of_class(kind)
    if home is not None and is_named(kind):
        outside.note(walk, kind.__module__, kind.__qualname__ if made else "", home)
        return node("class of a library", home, kind.__module__, kind.__qualname__, *_patches(walk, kind))
    walk.foreign = True
    walk.reading.add(name for name in vars(kind).get("__match_args__", ()) if isinstance(name, str))
    parts = [walk.of(base) if made else kind_of(walk, base) for base in kind.__mro__[1:]]
    if libraries.of_class(type(kind)) is None:
        parts.append(kind_of(walk, type(kind), "metaclass"))
    for name, value in sort_unless_read(walk, vars(kind)):
        if _counts_in_class(walk, kind, name, made=made):
            seen = walk.aside if name in SHOWN or (name in CONSTRUCTION and not made) else walk.of
            parts.append(node(name, seen(value, f"{kind.__name__}.{name}")))
            _mark(walk, kind, name, value)
    if isinstance(kind, enum.EnumType):
        members: dict[str, Any] = dict(kind.__members__)
        parts.append(node("members", *(node(name, walk.of(part._value_)) for name, part in members.items())))
    if walk.reading.names("__qualname__"):
        parts.append(node("__qualname__", kind.__qualname__))
    if isinstance(kind, abc.ABCMeta) and home is None:
        registered = [(other,) for each in abc._get_dump(kind)[0] if (other := each()) is not None]  # type: ignore[attr-defined]
        parts.extend(sorted(whatever_order(walk, registered, lambda each: kind_of(walk, each[0]))))
    return node("class", home or "", kind.__name__, *parts)


def _patches(walk: Walk, kind: type) -> list[bytes]:
    """What stands in a library's class, or in those that it is derived from, in place of their own."""
    inherited = [base for base in kind.__mro__[1:] if base.__flags__ & HEAP and libraries.of_class(base) is not None]
    told = (walk.by(_patched, base, base.__name__, mode="patches") for base in inherited)
    return [*patches(walk, kind), *filter(None, told)]


def _patched(walk: Walk, kind: type) -> bytes:
    found = patches(walk, kind)
    return node("patched", *found) if found else b""


def is_named(kind: type) -> bool:
    """Whether a library's class is the one of its name, and not one that was made at run time."""
    if libraries.found(kind.__module__, kind.__qualname__) is kind:
        return True
    if any(libraries.of_class(base) is None for base in kind.__mro__):
        return False
    if libraries.of_class(kind) == "python" and any(_is_value(kind, *item) for item in vars(kind).items()):
        return False
    return not any(isinstance(value, (types.FunctionType, property)) for value in vars(kind).values())


_NATIVE = (
    *(types.MethodDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType, types.BuiltinFunctionType),
    *(types.WrapperDescriptorType, types.ClassMethodDescriptorType, staticmethod, classmethod),
)


def _is_value(kind: type, name: str, value: Any) -> bool:
    """Whether a class that Python has by no name has a value of somebody's, as `types.new_class` makes them."""
    return not name.startswith("__") and not is_noted(kind, name) and not isinstance(value, _NATIVE)


def _counts_in_class(walk: Walk, kind: type, name: str, *, made: bool) -> bool:
    """Whether what a class has by this name may decide anything."""
    if is_noted(kind, name):
        return name in _READ and walk.reading.names(name)
    if name in CONSTRUCTION:
        return made or walk.reading.names(MAKES)
    if name in SHOWN:
        return walk.reading.names(name) or _is_shown(walk, kind, name)
    if name.startswith("__") or walk.reading.has(name) or not _is_seen_through(kind):
        return True
    return _is_asked_for(kind, name)


def is_noted(kind: type, name: str) -> bool:
    """Whether Python, or whoever made a class, notes it down of that class by this name."""
    if name == "_wrapped_call":
        return any(base.__module__ == "torch.fx.graph_module" for base in kind.__mro__)
    return name in BOOKKEEPING or any(isinstance(kind, maker) and name in names for maker, names in _NOTED)


def _is_shown(walk: Walk, kind: type, name: str) -> bool:
    """Whether code met calls what shows or copies an instance. Networks are shown for their own sake, if at all."""
    if name in TEXTS and any(base in _SEEN_THROUGH for base in kind.__mro__):
        return walk.reading.names(SHOWS_SELF)
    return any(map(walk.reading.names, _ASKED_BY.get(name, ())))


def _mark(walk: Walk, kind: type, name: str, value: Any) -> None:
    """Take down that a function which is handed its class may make instances: `cls()` in a class method."""
    if not walk.reading.has(name) and not name.startswith("__"):
        return
    place = 0 if isinstance(value, classmethod) or issubclass(kind, type) or name == "__class_getitem__" else None
    place = 2 if name == "__get__" else place
    inner: Any = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    function = inspect.unwrap(inner) if callable(inner) else None
    if place is None or name in CONSTRUCTION or not isinstance(function, types.FunctionType):
        return
    if hands_on(function.__code__, place):
        walk.reading.add([MAKES])


def attributes_of(walk: Walk, value: Any, without: frozenset[str] = frozenset()) -> bytes:
    """The digest of an instance's own attributes, in whatever order unless code goes through them."""
    found = sort_unless_read(walk, own_attributes(value))
    counting = {name: part for name, part in found if name not in without}
    kept = {name: part for name, part in counting.items() if _counts(walk, type(value), name, part)}
    walk.reading.add(mark for part in kept.values() for builtin, mark in HELD.items() if part is builtin)
    return node("attributes", *(node(name, walk.of(part, name)) for name, part in kept.items()))


def sort_unless_read(walk: Walk, found: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Attributes by name, or in their own order where code met goes through that."""
    return list(found.items()) if walk.reading.names_any(IN_ORDER) else sorted(found.items())


def of_users(how: Rule) -> Rule:
    """Let a rule tell of things of a user's own class, derived from one that the rule is for, that class as well."""

    @functools.wraps(how)
    def with_class(walk: Walk, value: Any) -> bytes:
        digest = how(walk, value)
        kind = type(value)
        if libraries.of_class(kind) is not None:
            return digest
        extra = (
            b""
            if isinstance(value, types.ModuleType)
            else attributes_of(walk, value, _OF_CACHED if issubclass(kind, functools.cached_property) else _OF_WRAPPERS)
        )
        return node("of a user's class", digest, kind_of(walk, kind), extra)

    return with_class


def own_attributes(value: Any) -> dict[str, Any]:
    """What an instance itself has, by name: without calling any code of its class."""
    found: dict[str, Any] = {}
    for base in type(value).__mro__:
        for name, member in vars(base).items() if "__slots__" in vars(base) else ():
            if isinstance(member, types.MemberDescriptorType):
                try:
                    found[name] = member.__get__(value)
                except AttributeError:  # not set
                    continue
    with contextlib.suppress(AttributeError):
        found.update(object.__getattribute__(value, "__dict__"))
    return {name: part for name, part in found.items() if isinstance(name, str)}


def _counts(walk: Walk, kind: type, name: str, part: Any) -> bool:
    """Whether an attribute of an instance may decide anything: some code loads it, or its class's libraries could.

    What a library's own network does not have (None, False) does not count: the next release may add such an option.
    """
    if (part is None or part is False) and issubclass(kind, nn.Module) and libraries.of_class(kind) is not None:
        return walk.reading.has(name) and not _is_asked_for(kind, name)
    if isinstance(part, (Tensor, nn.Module)) or walk.reading.has(name) or not _is_seen_through(kind):
        return True
    return _is_asked_for(kind, name)


def _is_asked_for(kind: type, name: str) -> bool:
    """Whether the code of the libraries' classes that a class is derived from could ask for an attribute."""
    return any(name in vars(base) or _mentions(base, name) for base in _libraries_of(kind))


@cache
def _is_seen_through(kind: type) -> bool:
    """Whether all that asks an instance for attributes is code that is met, or known."""
    if not any(base in _SEEN_THROUGH for base in kind.__mro__) or libraries.is_ours(kind):
        return False
    homes = {libraries.of_class(base) for base in kind.__mro__ if base not in (object, abc.ABC, typing.Generic)}
    return homes <= {None, "torch", "potemkin"}


def _libraries_of(kind: type) -> list[type]:
    return [base for base in kind.__mro__ if base is not object and libraries.of_class(base) is not None]


def _mentions(kind: type, name: str) -> bool:
    names = _mentioned(kind)
    sets = (
        kind is not nn.Module and not libraries.is_ours(kind) and not names.isdisjoint({"setattr", "__dict__", "vars"})
    )
    return name in names or sets


@cache
def _mentioned(kind: type) -> frozenset[str]:
    """The names that the code of a library's class uses."""
    names: set[str] = set()
    for value in vars(kind).values():
        function = inspect.unwrap(getattr(value, "__func__", getattr(value, "fget", value)) or value)
        if isinstance(function, types.FunctionType):
            names.update(_names(function.__code__))
    return frozenset(names)


def _names(code: types.CodeType) -> set[str]:
    return set(code.co_names).union(*(_names(const) for const in code.co_consts if isinstance(const, types.CodeType)))


@rule(torch.autograd.function.FunctionMeta)
def operation(walk: Walk, kind: Any) -> bytes:
    return as_value(walk, kind)
